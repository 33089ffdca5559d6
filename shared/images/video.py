"""Frames of video files and cameras."""

from __future__ import annotations

import os
from collections.abc import Iterator

import cv2

from shared.images.decode import Frame, InputError, check_readable

# fmt: off
VIDEO_SUFFIXES = frozenset((
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".mts", ".m2ts", ".3gp", ".ogv",
))
# fmt: on
FALLBACK_FPS = 30.0
# Containers often announce a few frames that no player shows; more than that is a damaged file.
MISSING_FRAMES, MISSING_SHARE = 5, 0.05


class VideoError(InputError):
    """A video or camera that cannot be opened, or that ends before it should."""


def iter_video(
    path: str | os.PathLike[str], id: str, every: int = 1, start_s: float = 0.0, stop_s: float | None = None
) -> Iterator[Frame]:
    """Yield the frames of a video file, upright, in order.

    Args:
        path: the file.
        id: frames are called ``id/000123`` by their number in the file.
        every: take each ``every``-th frame of the file.
        start_s: frames before this time are passed over.
        stop_s: frames from this time on are left out; None reads to the end.

    Raises:
        VideoError: if nothing can be read, or, after the frames that could be read, if the file ends early.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every}")
    check_readable(path, VideoError)
    capture = cv2.VideoCapture(os.fspath(path))
    try:
        if not capture.isOpened():
            raise VideoError(path, "not a video that can be decoded, or cut off: convert it to H.264 in an mp4 file")
        announced, count = capture.get(cv2.CAP_PROP_FRAME_COUNT), 0
        clock = _Clock(capture)
        while capture.grab():
            time_s = clock.time_s(count)
            if stop_s is not None and time_s >= stop_s:
                return
            if count % every == 0 and time_s >= start_s:
                ok, image = capture.retrieve()
                if not ok:
                    raise VideoError(path, f"frame {count} cannot be decoded: the file is damaged")
                rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                yield Frame(rgb, f"{id}/{count:06d}", os.fspath(path), time_s, None, count)
            count += 1
        if count == 0:
            raise VideoError(path, "the video holds no frame that can be decoded: convert it to H.264 in an mp4 file")
        if announced - count > max(MISSING_FRAMES, MISSING_SHARE * announced):
            raise VideoError(path, f"ends after {count} of {announced:.0f} frames: the file is damaged or cut off")
    finally:
        capture.release()


def iter_camera(number: int, id: str) -> Iterator[Frame]:
    """Yield frames of a camera until it stops.

    Raises:
        VideoError: if the camera cannot be opened.
    """
    capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise VideoError(str(number), f"camera {number} cannot be opened: is it plugged in, free and permitted?")
        start, index = cv2.getTickCount(), 0
        while True:
            ok, image = capture.read()
            if not ok:
                return
            time_s = (cv2.getTickCount() - start) / cv2.getTickFrequency()
            rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            yield Frame(rgb, f"{id}/{index:06d}", str(number), time_s, None, index)
            index += 1
    finally:
        capture.release()


def frame_rate(path: str | os.PathLike[str]) -> float:
    """Frames a second of a video file as its container says; 30 where that makes no sense."""
    capture = cv2.VideoCapture(os.fspath(path))
    try:
        return _frame_rate(capture)
    finally:
        capture.release()


def _frame_rate(capture: cv2.VideoCapture) -> float:
    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if 0.1 < rate < 1000 else FALLBACK_FPS


class _Clock:
    """Times of frames as the container has them, or by the frame rate where it does not."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self.capture = capture
        self.frame_s = 1 / _frame_rate(capture)
        self.last_s = -self.frame_s

    def time_s(self, index: int) -> float:
        """Time of the frame just grabbed; always later than the one before."""
        time_s = self.capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if index == 0 and time_s != time_s:
            time_s = 0.0
        if index > 0 and not time_s > self.last_s:
            time_s = self.last_s + self.frame_s
        self.last_s = time_s
        return time_s
