"""Faces by MediaPipe's networks: found at any size and turn, then 478 landmarks in two passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from shared.images.faces import OUTER_EYE_CORNERS, DetectedFace, box_area
from shared.images.mediapipe_graphs import MESH_SIZE, DetectorGraph, MeshGraph, quiet_stderr
from shared.images.square import Square

CROP_MARGIN = 1.5  # crop side over the face's box, as the landmark network was trained
PASSES = 2
MIN_MESH_SCORE = 0.5
SAME_FACE_IOU = 0.4
MIN_FOUND_IOU = 0.15  # landmarks that overlap their detection less have slipped to something else
TILE_PX = 384  # the full-range detector finds a 40 px face in a tile of this side
MAX_TILES_ACROSS = 12  # no search for faces below 1/200 of the picture: the time would explode
TILE_STEP = 0.75  # of the side; the overlap holds any face too small for the level above


@dataclass(frozen=True)
class Candidate:
    """A possible face: the square around it, turned upright, and the detector's score."""

    square: Square
    score: float


class MediaPipeFaces:
    """A `FaceDetector` with MediaPipe 0.10.21; one instance a process, not for several threads at once.

    The same picture gives bitwise the same faces, whatever came before it. Use as a context manager or call `close`.
    """

    def __init__(self, min_score: float = 0.5, max_faces: int = 20, thorough: bool = False, threads: int = 1) -> None:
        """Load the networks.

        Args:
            min_score: detections below are dropped.
            max_faces: the best are kept.
            thorough: search tiles for small faces even where larger ones were found.
            threads: for each network.
        """
        if not 0 < min_score < 1:
            raise ValueError(f"min_score must be between 0 and 1, got {min_score}")
        self.max_faces = max_faces
        self.thorough = thorough
        with quiet_stderr():
            self._full = DetectorGraph(True, min_score, threads)
            self._short = DetectorGraph(False, min_score, threads)
            self._mesh = MeshGraph(threads)
            # The networks log once more with their first picture.
            for network, size in ((self._full, self._full.size), (self._short, self._short.size)):
                network(np.zeros((size, size, 3), np.uint8))
            self._mesh(np.zeros((MESH_SIZE, MESH_SIZE, 3), np.uint8))

    def __enter__(self) -> MediaPipeFaces:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the networks."""
        for network in (self._full, self._short, self._mesh):
            network.close()

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        """Faces of one (H, W, 3) uint8 RGB picture, the largest box first; empty if there is none.

        The whole picture is searched first; only if that finds nothing, or if ``thorough``, turned pictures and finer
        and finer tiles follow.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"a picture must be (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}")
        faces: list[DetectedFace] = []
        for candidates in self._levels(image):
            for candidate in _without_overlaps(candidates):
                face = self._landmarks(image, candidate)
                if face is not None and all(_iou(face.box_px, other.box_px) < SAME_FACE_IOU for other in faces):
                    faces.append(face)
            if faces and not self.thorough:
                break
        best = sorted(faces, key=lambda face: -face.score)[: self.max_faces]
        return sorted(best, key=box_area, reverse=True)

    def _levels(self, image: np.ndarray) -> Iterator[list[Candidate]]:
        """Ever more costly ways to look, each with what it found."""
        height, width = image.shape[:2]
        center, side = (width / 2, height / 2), float(max(height, width))
        whole = Square(center, side)
        yield self._look(self._full, image, whole) + self._look(self._short, image, whole)
        # Close-ups larger than the picture, and faces that lie on their side or upside down.
        found = self._look(self._short, image, Square(center, 2 * side))
        for quarter in (1, 2, 3):
            found += self._look(self._full, image, Square(center, side, quarter * np.pi / 2))
        yield found
        for tiles in _tile_levels(height, width):
            yield [candidate for tile in tiles for candidate in self._look(self._full, image, tile)]

    def _look(self, detector: DetectorGraph, image: np.ndarray, window: Square) -> list[Candidate]:
        candidates = []
        for raw in detector(window.sample(image, detector.size)):
            (x0, y0, x1, y1), eyes = raw.box, np.array([raw.right_eye, raw.left_eye])
            center = window.to_picture(np.array([(x0 + x1) / 2, (y0 + y1) / 2]))
            right, left = window.to_picture(eyes)
            angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
            side = max(x1 - x0, y1 - y0) * window.side_px * CROP_MARGIN
            candidates.append(Candidate(Square((float(center[0]), float(center[1])), side, angle), raw.score))
        return candidates

    def _landmarks(self, image: np.ndarray, candidate: Candidate) -> DetectedFace | None:
        square = candidate.square
        points_px, z, mesh_score = np.zeros((0, 2)), np.zeros(0), 0.0
        for _ in range(PASSES):
            points, mesh_score = self._mesh(square.sample(image, MESH_SIZE))
            if mesh_score < MIN_MESH_SCORE:
                return None
            points_px, z = square.to_picture(points[:, :2]), points[:, 2] * square.side_px
            right, left = points_px[list(OUTER_EYE_CORNERS)]
            angle = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
            square = Square.around(points_px, angle, CROP_MARGIN)
        box = np.concatenate([points_px.min(0), points_px.max(0)])
        if _iou(box, _box(candidate.square, 1 / CROP_MARGIN)) < MIN_FOUND_IOU:
            return None
        height, width = image.shape[:2]
        return DetectedFace(
            landmarks_px=points_px.astype(np.float32),
            z=z.astype(np.float32),
            box_px=box.astype(np.float32),
            score=candidate.score,
            mesh_score=mesh_score,
            image_size=(height, width),
        )


def _tile_levels(height: int, width: int) -> Iterator[list[Square]]:
    """Overlapping tiles, half the side at each level, down to `TILE_PX`."""
    side = max(height, width) / 2
    smallest = max(TILE_PX, max(height, width) / MAX_TILES_ACROSS)
    while True:
        side = max(side, smallest)
        columns, rows = _starts(width, side), _starts(height, side)
        yield [Square((x + side / 2, y + side / 2), side) for y in rows for x in columns]
        if side <= smallest:
            return
        side /= 2


def _starts(length: float, side: float) -> np.ndarray:
    """Where tiles begin along one axis; a shorter axis gets one tile in its middle."""
    if length <= side:
        return np.array([(length - side) / 2])
    count = int(np.ceil((length - side) / (side * TILE_STEP))) + 1
    return np.linspace(0, length - side, count)


def _without_overlaps(candidates: list[Candidate]) -> list[Candidate]:
    """The best-scored candidate of each place (non-maximum suppression)."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda found: -found.score):
        box = _box(candidate.square, 1.0)
        if all(_iou(box, _box(other.square, 1.0)) < SAME_FACE_IOU for other in kept):
            kept.append(candidate)
    return kept


def _box(square: Square, scale: float) -> np.ndarray:
    half = square.side_px * scale / 2
    (x, y) = square.center_px
    return np.array([x - half, y - half, x + half, y + half])


def _iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two boxes x0 y0 x1 y1."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = float(np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2]))
    return shared / (areas - shared) if areas > shared else 0.0
