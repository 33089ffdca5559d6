"""From a place in a picture to a face with landmarks and blendshapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.mediapipe_mesh import mediapipe_mirror
from shared.images.faces import DetectedFace, roll_of
from shared.landmarker.boxes import iou
from shared.landmarker.candidates import MIN_PRESENCE, Candidate
from shared.landmarker.networks import BlendshapeNetwork, CropLandmarks, LandmarkNetwork
from shared.landmarker.rotated_square import RotatedSquare
from shared.landmarker.sessions import Where
from shared.landmarker.sizes import LANDMARK_SIZE

Passes = Literal["one_pass", "two_pass", "mirror"]

MIN_FOUND_IOU = 0.15  # landmarks that overlap their detection less have slipped to something else
# Crop side over the landmarks' box. On pictures of real heads the error is 2 % lower than with the network's own 1.5.
LANDMARK_MARGIN = 1.4


class FaceReader:
    """The landmark and the blendshape network on any number of places of a picture at once."""

    def __init__(self, threads: int = 1, where: Where = "auto") -> None:
        """Load both."""
        self._landmarks, self._blendshapes = LandmarkNetwork(threads, where), BlendshapeNetwork(threads, where)
        self._mirror = mediapipe_mirror().numpy()

    def read(self, image: np.ndarray, candidates: Sequence[Candidate], passes: Passes) -> list[DetectedFace | None]:
        """The face at each of these places; None where the landmark network finds none, or another one.

        Args:
            image: (H, W, 3) uint8 RGB.
            candidates: where to look.
            passes: "one_pass"; "two_pass", the second on a crop around the landmarks of the first; or "mirror", where
                the second is the mean of that crop and its mirror image. 6 ms a look on a CPU core: one, two, three.
        """
        if not candidates:
            return []
        squares = [one.square for one in candidates]
        seen = self._see(image, squares, mirrored=False)
        if passes != "one_pass":
            again = [upright_square(_to_picture(square, one)) for square, one in zip(squares, seen.points, strict=True)]
            better = self._see(image, again, mirrored=passes == "mirror")
            # Of a face of low presence, the network may lose what it had.
            kept = (better.presence >= MIN_PRESENCE) | (better.presence >= seen.presence)
            squares = [new if keep else old for new, old, keep in zip(again, squares, kept, strict=True)]
            seen = better.where(kept, seen)
        points_px = np.stack([_to_picture(square, one) for square, one in zip(squares, seen.points, strict=True)])
        blendshapes = self._blendshapes_of(points_px, seen.tongue)
        faces: list[DetectedFace | None] = []
        for index, (candidate, square) in enumerate(zip(candidates, squares, strict=True)):
            box = np.concatenate([points_px[index].min(0), points_px[index].max(0)])
            face = DetectedFace(
                landmarks_px=points_px[index].astype(np.float32),
                z=(seen.points[index, :, 2] * square.side_px).astype(np.float32),
                box_px=box.astype(np.float32),
                detector_score=candidate.score,
                presence=float(seen.presence[index]),
                blendshapes=blendshapes[index],
                image_size=(image.shape[0], image.shape[1]),
            )
            is_face = face.presence >= candidate.min_presence and iou(box, candidate.box_px()) >= MIN_FOUND_IOU
            faces.append(face if is_face else None)
        return faces

    def _see(self, image: np.ndarray, squares: Sequence[RotatedSquare], mirrored: bool) -> CropLandmarks:
        samples = [square.sample(image, LANDMARK_SIZE) for square in squares]
        crops = samples[0][None] if len(samples) == 1 else np.stack(samples)  # one alone needs no copy
        if not mirrored:
            return self._landmarks(crops)
        both = self._landmarks(np.concatenate([crops, crops[:, :, ::-1]]))
        plain, other = np.split(both.points, 2)
        back = other[:, self._mirror] * [-1, 1, 1] + [1, 0, 0]
        presence, tongue = (one.reshape(2, -1).mean(0) for one in (both.presence, both.tongue))
        return CropLandmarks((plain + back) / 2, presence, tongue)

    def _blendshapes_of(self, points_px: np.ndarray, tongue: np.ndarray) -> np.ndarray:
        """(N, 52) float32; of faces turned upright, as the network knows them."""
        upright = [points @ RotatedSquare((0.0, 0.0), 1.0, _roll(points)).axes() for points in points_px]
        return np.concatenate([self._blendshapes(np.stack(upright)), tongue[:, None]], axis=1).astype(np.float32)


def upright_square(landmarks_px: np.ndarray) -> RotatedSquare:
    """What the landmark network looks at, around a face's landmarks (478, 2)."""
    return RotatedSquare.around(landmarks_px, _roll(landmarks_px), LANDMARK_MARGIN)


def _to_picture(square: RotatedSquare, points: np.ndarray) -> np.ndarray:
    """(478, 2) pixels of the picture, of points (478, 3) in a crop."""
    return square.to_picture(points[:, :2])


def _roll(landmarks_px: np.ndarray) -> float:
    return roll_of(*landmarks_px[list(OUTER_EYE_CORNERS)].astype(np.float64))
