"""Clips as evidence: gaps, cuts, damaged files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from shared.config import ObserveConfig
from shared.images.decode import Frame, InputError
from shared.images.faces import DetectedFace
from shared.images.source import InputRef, iter_frames
from shared.runs.errors import UserError
from teacher.config import FitInputConfig
from teacher.observation.face import ObservedFace, observe
from teacher.runs.clip_track import WatchedFrame, interpolate_gaps, track_clip
from teacher.runs.face_following import FaceFollower
from tests.teacher.fakes import FakeDetector, fake_tools

CONFIG = ObserveConfig(crop_size=64)


def face_at(number: int, x_px: float) -> ObservedFace:
    image = np.full((120, 160, 3), 90, np.uint8)
    (face,) = observe(Frame(image, f"clip/{number:06d}", "clip", index=number), FakeDetector(), CONFIG)
    crop = replace(face.crop, affine=face.crop.affine + torch.tensor([[0.0, 0.0, x_px], [0.0, 0.0, 0.0]]))
    return replace(face, landmarks_px=face.landmarks_px + torch.tensor([x_px, 0.0]), crop=crop)


def frames(pattern: str) -> list[WatchedFrame]:
    """One frame a letter: ``f`` has a face, ``.`` has none, capitals and ``|`` start a shot."""
    tracked = []
    for number, letter in enumerate(pattern):
        face = face_at(number, float(number)) if letter in "fF" else None
        row = None if face is None else replace(face.evidence(), seen=torch.tensor(True))[None]
        tracked.append(WatchedFrame(number, number / 25, letter in "F|", face, row))
    return tracked


def test_a_gap_is_bridged_along_a_line_and_says_nothing() -> None:
    clip = interpolate_gaps(frames("Ff..ff"), longest=2)
    assert clip is not None
    assert clip.numbers == (0, 1, 2, 3, 4, 5)
    assert clip.seen.tolist() == [True, True, False, False, True, True]
    assert clip.follows.tolist() == [False, True, True, True, True, True]
    moved = [float((face.landmarks_px - clip.faces[0].landmarks_px).mean(0)[0]) for face in clip.faces]
    assert moved == pytest.approx([0, 1, 2, 3, 4, 5], abs=1e-3)
    assert clip.faces[2].id == "clip/000002#0"
    assert clip.faces[2].detector_score == 0


@pytest.mark.parametrize(
    ("pattern", "numbers", "follows"),
    [
        ("F...f", [0, 4], [False, False]),  # too long
        ("F.|ff", [0, 3, 4], [False, False, True]),  # the cut lies in the gap
        ("Ff.F", [0, 1, 3], [False, True, False]),  # or at its end
        ("..ff.", [2, 3], [False, True]),  # nothing to lead from, or to
        ("F", [0], [False]),
        ("FFF", [0, 1, 2], [False, False, False]),
    ],
)
def test_what_is_not_bridged(pattern: str, numbers: Sequence[int], follows: Sequence[bool]) -> None:
    clip = interpolate_gaps(frames(pattern), longest=2)
    assert clip is not None
    assert list(clip.numbers) == numbers
    assert clip.follows.tolist() == follows
    assert bool(clip.seen.all())


def test_no_face_at_all() -> None:
    assert interpolate_gaps(frames("..|."), longest=2) is None


def write_clip(path: Path, colours: Sequence[int]) -> Path:
    """Grey frames of a little texture, each of its own lightness."""
    texture = np.random.default_rng(0).integers(0, 10, (120, 160, 3))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (160, 120))
    for colour in colours:
        writer.write((texture + colour).clip(0, 255).astype(np.uint8))
    writer.release()
    return path


def watched_clip(path: Path) -> list[WatchedFrame]:
    config = FitInputConfig(input=str(path), out="", crop_size=64, batch_size=4)
    return track_clip(InputRef("video", str(path), path.name), config, fake_tools())


def test_faces_and_cuts_are_found_and_pictures_let_go(tmp_path: Path) -> None:
    tracked = watched_clip(write_clip(tmp_path / "clip.avi", [90, 91, 92, 200, 201, 0, 0]))
    assert [frame.starts_shot for frame in tracked] == [True, False, False, True, False, True, False]
    assert [frame.face is not None for frame in tracked] == [True] * 5 + [False] * 2
    assert [frame.number for frame in tracked] == list(range(7))
    assert all(frame.face.crop_image.size == 0 for frame in tracked if frame.face)
    assert [frame.evidence is None for frame in tracked] == [frame.face is None for frame in tracked]


def test_the_frames_before_a_damaged_end_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_clip(tmp_path / "clip.avi", [90] * 40)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    tracked = watched_clip(path)
    decoded = []
    with pytest.raises(InputError):
        decoded.extend(frame.index for frame in iter_frames(InputRef("video", str(path), path.name), 1))
    assert [frame.number for frame in tracked] == list(range(len(tracked)))
    assert 10 < len(tracked) < 30
    assert len(tracked) % 4, "the last batch of four is not a whole one, and is kept too"
    assert "the frames before are kept" in capsys.readouterr().out


def a_face(x_px: float, size_px: float) -> DetectedFace:
    points = np.random.default_rng(0).uniform(0, size_px, (478, 2)).astype(np.float32) + np.float32([x_px, 50])
    box = np.concatenate([points.min(0), points.max(0)])
    return DetectedFace(points, np.zeros(478, np.float32), box, 0.9, 0.9, (400, 600))


def test_a_face_is_followed_though_another_grows_larger() -> None:
    follower = FaceFollower(memory_s=1.0)
    for number in range(20):
        walking, growing = a_face(50 + 3 * number, 100), a_face(400, 60 + 8 * number)
        assert follower([growing, walking], number / 25, number == 0) is walking
    assert follower([growing], 20 / 25, False) is None, "it is lost, and the other is not it"
    assert follower([growing, walking], 21 / 25, False) is walking
    assert not follower.switched_s
    assert follower([growing], 3.0, False) is growing, "after a while the largest is taken up, which is noted"
    assert follower.switched_s == [3.0]


def test_a_new_shot_begins_with_the_largest_face() -> None:
    follower = FaceFollower(memory_s=1.0)
    small, large = a_face(50, 80), a_face(300, 160)
    assert follower([small], 0.0, True) is small
    assert follower([small, large], 0.04, True) is large
    assert not follower.switched_s


def test_a_file_that_is_no_clip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"clip\.avi"):
        watched_clip(path)
