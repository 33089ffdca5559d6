"""The window on the screen."""

from __future__ import annotations

import os
import sys

import cv2
import numpy as np

from shared.runs.errors import UserError

_TITLE = "pixel3dmm-distill"
_KEYS_TO_END = {ord("q"), 27}
_HELP = "; or leave window=true out: overlay.mp4 is written"


class Window:
    """Shows pictures. For the main thread only, as some systems allow no other; use as a context."""

    def __init__(self) -> None:
        """UserError where there is no screen, or OpenCV was built without windows."""
        if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
            raise UserError("window=true: there is no screen here (DISPLAY is not set)" + _HELP)
        try:
            cv2.namedWindow(_TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        except cv2.error as error:
            raise UserError(
                "window=true: this OpenCV has no windows: pip uninstall opencv-python-headless, then "
                f"pip install opencv-python=={cv2.__version__}" + _HELP
            ) from error
        self._shown: np.ndarray | None = None

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        cv2.destroyWindow(_TITLE)

    def show(self, picture: np.ndarray | None, line: str) -> bool:
        """Show (H, W, 3) uint8 RGB, if it is a new one, with a line of text; False once the user wants to end."""
        if picture is not None and picture is not self._shown:
            self._shown = picture
            bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
            for colour, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):
                cv2.putText(bgr, line, (12, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.7, colour, width, cv2.LINE_AA)
            cv2.imshow(_TITLE, bgr)
        key = cv2.waitKey(1) & 0xFF
        return key not in _KEYS_TO_END and cv2.getWindowProperty(_TITLE, cv2.WND_PROP_VISIBLE) > 0
