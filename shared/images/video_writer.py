"""Clips to disk."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from shared.runs.errors import UserError


class VideoWriter:
    """An .mp4 of RGB pictures of one size. Use as a context; the file is opened with the first picture."""

    def __init__(self, path: Path, rate_hz: float) -> None:
        self._path, self._rate_hz = path, rate_hz
        self._writer: cv2.VideoWriter | None = None

    def write(self, picture: np.ndarray, times: int = 1) -> None:
        """Add a picture (H, W, 3) uint8 RGB, so often. UserError if there is no encoder."""
        if self._writer is None:
            height, width = picture.shape[:2]
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._path), code, self._rate_hz, (width, height))
            if not self._writer.isOpened():
                raise UserError(f"cannot write {self._path}: this OpenCV has no encoder for mp4; give overlay=false")
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        for _ in range(times):
            self._writer.write(bgr)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.release()
