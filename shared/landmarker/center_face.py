"""CenterFace: a slower detector that also finds profiles, covered, tiny and upside-down faces."""

from __future__ import annotations

import cv2
import numpy as np

from shared.landmarker.boxes import Detections
from shared.landmarker.sessions import Where, open_session

STRIDE, MULTIPLE = 4, 32  # pixels: cells of the maps; sides of the picture are multiples of the other
MIN_SCORE = 0.4  # below, nothing is reported


class CenterFace:
    """Finds faces in whole pictures; 55 ms for 512 x 512 pixels on a CPU core, and in proportion to their number."""

    def __init__(self, threads: int = 1, where: Where = "auto") -> None:
        """Load it."""
        self._session = open_session("center_face", threads, where)

    def __call__(self, image: np.ndarray, side_px: int) -> Detections:
        """Faces of a picture (H, W, 3) uint8 RGB, looked at with its longer side ``side_px`` or as large as it is.

        Boxes and eyes are in the picture's [0, 1] x [0, 1].
        """
        picture = _resized(image, min(1.0, side_px / max(image.shape[:2])))
        heat, log_size, offset, points = (np.asarray(one)[0] for one in self._run(picture))
        rows, columns = np.nonzero(heat[0] >= MIN_SCORE)
        scale = STRIDE / np.array(picture.shape[1::-1])  # cells -> the picture's [0, 1]
        cells = np.stack([columns, rows], axis=1) + 0.5
        centers = (cells + offset[::-1, rows, columns].T) * scale
        sizes = np.exp(log_size[::-1, rows, columns].T) * scale
        # Five points, y before x, in sizes of the box from its corner; the first two are the eyes.
        eyes = points[:4, rows, columns].T.reshape(-1, 2, 2)[:, :, ::-1]
        eyes = (centers - sizes / 2)[:, None] + eyes * sizes[:, None]
        boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=1)
        return Detections.merged(boxes, eyes, heat[0, rows, columns].astype(np.float64))

    def _run(self, picture: np.ndarray) -> list[np.ndarray]:
        return self._session.run(["heat", "log_size", "offset", "points"], {"pictures": picture[None]})


def _resized(image: np.ndarray, scale: float) -> np.ndarray:
    """The picture at about this scale, with sides that suit the network."""
    height, width = (max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in image.shape[:2])
    shrinks = height * width < image.shape[0] * image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
