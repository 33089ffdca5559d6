"""CenterFace: a slower detector that also finds profiles, covered, tiny and turned faces."""

from __future__ import annotations

import cv2
import numpy as np

from shared.landmarker.boxes import Detections
from shared.landmarker.sessions import Where, open_session

STRIDE, MULTIPLE = 4, 32  # pixels: cells of the maps; sides of the picture are multiples of the other


class CenterFace:
    """Finds faces in whole pictures; 55 ms for 512 x 512 pixels on a CPU core, and in proportion to their number."""

    def __init__(self, min_score: float, threads: int = 1, where: Where = "auto") -> None:
        """Load it; below ``min_score`` nothing is reported."""
        self._session, self._min_score = open_session("center_face", threads, where), min_score

    def __call__(self, image: np.ndarray, side_px: int) -> Detections:
        """Faces of a picture (H, W, 3) uint8 RGB, looked at with its longer side ``side_px`` or as large as it is.

        Boxes and axes are in pixels of the picture. The axis is square to the line from the mouth to the eyes, which
        gives the roll of a profile too, and where up is.
        """
        picture = _resized(image, min(1.0, side_px / max(image.shape[:2])))
        names = ["heat", "log_size", "offset", "points"]
        heat, log_size, offset, points = (
            np.asarray(one)[0] for one in self._session.run(names, {"pictures": picture[None]})
        )
        rows, columns = np.nonzero(heat[0] >= self._min_score)
        to_picture = np.array(image.shape[1::-1]) / picture.shape[1::-1]
        cells = np.stack([columns, rows], axis=1) + 0.5
        centers = (cells + offset[::-1, rows, columns].T) * STRIDE
        sizes = np.exp(log_size[::-1, rows, columns].T) * STRIDE
        corners = centers - sizes / 2
        # Five points, y before x, in sizes of the box from its corner: right eye, left eye, nose, mouth's corners.
        five = points[:, rows, columns].T.reshape(-1, 5, 2)[:, :, ::-1] * sizes[:, None] + corners[:, None]
        up = (five[:, :2].mean(1) - five[:, 3:].mean(1)) * to_picture
        middle = centers * to_picture
        axes = np.stack([middle, middle + np.stack([-up[:, 1], up[:, 0]], axis=1)], axis=1)
        boxes = np.concatenate([corners, corners + sizes], axis=1) * np.tile(to_picture, 2)
        return Detections.merged(boxes, axes, heat[0, rows, columns].astype(np.float64))


def _resized(image: np.ndarray, scale: float) -> np.ndarray:
    """The picture at about this scale, with sides that suit the network."""
    height, width = (max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in image.shape[:2])
    shrinks = height * width < image.shape[0] * image.shape[1]
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
