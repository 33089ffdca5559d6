from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.images.decode import Frame
from shared.images.source import InputRef, iter_frames
from shared.images.video import VideoError, iter_camera, iter_video

FRAMES, RATE, WIDTH, HEIGHT = 20, 25.0, 96, 64


def write(path: Path, frames: int = FRAMES, codec: str = "mp4v") -> Path:
    """A clip whose frames brighten by 10 grey levels each, with a white upper left corner."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), RATE, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for number in range(frames):
        image = np.full((HEIGHT, WIDTH, 3), 10 * number % 250, np.uint8)
        image[..., 2] = 200  # red in OpenCV's order
        image[:24, :24] = 255
        writer.write(image)
    writer.release()
    return path


def number_of(frame: Frame) -> int:
    return round(float(frame.image[30:50, 40:60, 2].mean()) / 10)


@pytest.mark.parametrize(
    ("name", "codec"), [("clip.mp4", "mp4v"), ("clip.avi", "MJPG"), ("it's a \nclip ü.mkv", "mp4v")]
)
def test_every_frame_in_order(tmp_path: Path, name: str, codec: str) -> None:
    path = write(tmp_path / name, codec=codec)
    frames = list(iter_video(path, "clip"))
    assert [number_of(frame) for frame in frames] == list(range(FRAMES))
    assert [frame.index for frame in frames] == list(range(FRAMES))
    assert [frame.id for frame in frames[:2]] == ["clip/000000", "clip/000001"]
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(FRAMES) / RATE, atol=2e-3)
    assert frames[0].size == (HEIGHT, WIDTH)
    assert abs(frames[0].image[40, 50].astype(int) - [200, 0, 0]).max() < 12


def test_part_of_a_video(tmp_path: Path) -> None:
    ref = InputRef("video", str(write(tmp_path / "clip.mp4")), "clip.mp4")
    found = [frame.index for frame in iter_frames(ref, every=3, start_s=0.2, stop_s=0.6)]
    assert found == [6, 9, 12]  # 0.24 s, 0.36 s, 0.48 s; frame 15 is at 0.6 s
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        list(iter_frames(ref, every=0))


def test_turned_by_metadata(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.mp4")
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # in a version 0 track header
    quarter = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, HEIGHT << 16, 0, 1 << 30)
    data[matrix : matrix + 36] = quarter
    path.write_bytes(data)
    frame = next(iter_video(path, "clip"))
    assert frame.size == (WIDTH, HEIGHT)
    assert frame.image[:20, -20:].min() > 200  # clockwise: the white corner is now at the upper right
    assert frame.image[:20, :20, 1].max() < 60


def test_what_is_no_video(tmp_path: Path) -> None:
    for content, expected in ((b"", "empty file"), (b"hello" * 100, "not a video that can be decoded")):
        (tmp_path / "a.mp4").write_bytes(content)
        with pytest.raises(VideoError, match=expected):
            next(iter_video(tmp_path / "a.mp4", "a"))
    with pytest.raises(VideoError, match="no such file"):
        next(iter_video(tmp_path / "gone.mp4", "a"))
    path = write(tmp_path / "cut.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # without its index, which stands at the end
    with pytest.raises(VideoError, match="not a video that can be decoded, or cut off"):
        next(iter_video(path, "cut"))


def test_cut_off_videos_give_what_they_hold_and_then_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.avi", 60, "MJPG")
    data = bytearray(path.read_bytes())
    path.write_bytes(data[: len(data) // 2])
    seen: list[Frame] = []
    with pytest.raises(VideoError, match=r"ends after \d+ of 60 frames"):
        seen.extend(iter_video(path, "clip"))
    assert len(seen) > 15


def test_no_such_camera() -> None:
    with pytest.raises(VideoError, match="camera 99 cannot be opened"):
        next(iter_camera(99, "camera99"))
