"""Faces by MediaPipe's networks: found at any size and turn, then 478 landmarks in two passes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.images.faces import DetectedFace, box_area, roll_of
from shared.images.mediapipe_graphs import MESH_SIZE, DetectorGraph, MeshGraph, quiet_stderr
from shared.images.rotated_square import RotatedSquare

CROP_MARGIN = 1.5  # crop side over the face's box, as the landmark network was trained
# The full-range detector is right about such faces; others are looked at twice.
SURE_SCORE, SURE_ROLL = 0.8, np.deg2rad(50)
SECOND_LOOK = 1.2  # window of the second look over the first crop: the short-range detector's favourite size of face
UPRIGHT_SCORE = 0.88  # the short-range detector reaches it only with upright faces ...
UPRIGHT_TRUSTED_SCORE = 0.84  # ... and this is enough where the full-range detector agrees,
TURNED_SCORE, TURNED_LEAD = 0.83, 0.03  # ... and another turn must be as good as this and better than the first
SECOND_LOOK_EXCESS = 0.1  # it gives things that are no face up to 0.76, where the full-range detector gives 0.67
DETECTOR_SCORE = 0.5  # below, detectors do not report
MIN_MESH_SCORE = 0.5
SAME_FACE_IOU = 0.4
MIN_FOUND_IOU = 0.15  # landmarks that overlap their detection less have slipped to something else
TILE_PX = 384  # the full-range detector finds a 40 px face in a tile of this side
MAX_TILES_ACROSS = 8  # no search for faces below 1/130 of the picture: the time would grow with its area
TILE_STEP = 0.75  # of the side; the overlap holds any face too small for the level above


@dataclass(frozen=True)
class Candidate:
    """A possible face."""

    square: RotatedSquare  # around the box, turned upright
    score: float  # the detector's
    trusted: bool = True  # the score may stand without a second look; not so in the many windows of a long search

    @property
    def sure(self) -> bool:
        """Whether no second look is needed."""
        return self.trusted and self.score >= SURE_SCORE and abs(self.square.angle_rad) < SURE_ROLL


class MediaPipeFaces:
    """A `FaceDetector` with MediaPipe 0.10.21; make one a process, after any fork, and share it.

    The same picture gives bitwise the same faces, whatever came before it. Threads take turns; torch may work in
    another thread meanwhile. Use as a context manager or call `close`.
    """

    def __init__(
        self,
        min_score: float = 0.7,
        max_faces: int = 20,
        passes: int = 2,
        thorough: bool = False,
        threads: int = 1,
    ) -> None:
        """Load the networks.

        Args:
            min_score: faces whose better score of the two detectors is lower are dropped. 0.7 rejects a cat's face and
                a colour wheel, and keeps three of five half faces.
            max_faces: the best are kept.
            passes: runs of the landmark network, each on a crop around the landmarks of the one before. Where the
                crop of the first is jittered by 5 % and 5 degrees, landmarks scatter by 1.5 % of the outer-eye-corner
                distance after one pass, by 0.5 % after two and by 0.3 % after three; each costs 4 ms.
            thorough: search tiles for small faces even where larger ones were found.
            threads: for each network.
        """
        if not 0 < min_score < 1:
            raise ValueError(f"min_score must be between 0 and 1, got {min_score}")
        if passes < 1:
            raise ValueError(f"passes must be at least 1, got {passes}")
        self.min_score = min_score
        self.max_faces = max_faces
        self.passes = passes
        self.thorough = thorough
        self._turn = threading.Lock()
        self._process: int | None = os.getpid()
        with quiet_stderr():
            self._full = DetectorGraph(True, DETECTOR_SCORE, threads)
            self._short = DetectorGraph(False, DETECTOR_SCORE, threads)
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
        """Free the networks; closing twice does nothing."""
        if self._process != os.getpid():
            return
        self._process = None
        for network in (self._full, self._short, self._mesh):
            network.close()

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        """Faces of one (H, W, 3) uint8 RGB picture, the largest box first; empty if there is none.

        The whole picture is searched first; only if that finds nothing, or if ``thorough``, turned pictures and finer
        and finer tiles follow.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"a picture must be (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}")
        if self._process != os.getpid():
            state = "is closed" if self._process is None else "belongs to the process that forked this one"
            raise RuntimeError(f"this face detector {state}: make a new MediaPipeFaces()")
        with self._turn:
            return self._search(np.ascontiguousarray(image))

    def _search(self, image: np.ndarray) -> list[DetectedFace]:
        faces: list[DetectedFace] = []
        for candidates in self._levels(image):
            for first in _without_overlaps(candidates):
                candidate = self._second_look(image, first)
                face = mark(self._mesh, image, candidate, self.passes) if candidate.score >= self.min_score else None
                if face is not None and all(iou(face.box_px, other.box_px) < SAME_FACE_IOU for other in faces):
                    faces.append(face)
            if faces and not self.thorough:
                break
        best = sorted(faces, key=lambda face: -face.score)[: self.max_faces]
        return sorted(best, key=box_area, reverse=True)

    def _levels(self, image: np.ndarray) -> Iterator[list[Candidate]]:
        """Searches in order of cost, each with what it found."""
        height, width = image.shape[:2]
        center, side = (width / 2, height / 2), float(max(height, width))
        whole = RotatedSquare(center, side)
        found = look(self._full, image, whole)
        if not any(candidate.sure for candidate in found):
            near = look(self._short, image, whole)
            found += [one if one.score >= UPRIGHT_SCORE else _doubted(one) for one in near]
        yield found
        # Close-ups larger than the picture, and faces that lie on their side or upside down.
        found = look(self._short, image, whole) + look(self._short, image, RotatedSquare(center, 2 * side))
        for quarter in (1, 2, 3):
            found += look(self._full, image, RotatedSquare(center, side, quarter * np.pi / 2))
        yield [_doubted(candidate) for candidate in found]
        for tiles in _tile_levels(height, width):
            found = [candidate for tile in tiles for candidate in look(self._full, image, tile)]
            yield [_doubted(candidate) for candidate in found]

    def _second_look(self, image: np.ndarray, first: Candidate) -> Candidate:
        """Run the short-range detector on a doubtful face at its best size, upright and turned by quarters.

        The detectors find turned faces but misplace their eyes, and the landmark network gives upside-down faces a high
        score as well. The short-range detector scores 0.86 and more where it sees a face upright, less where not.
        """
        if first.sure:
            return first
        square, looks = first.square, []
        for quarter in range(4):
            angle = square.angle_rad + quarter * np.pi / 2
            window = RotatedSquare(square.center_px, square.side_px * SECOND_LOOK, angle)
            seen = [one for one in look(self._short, image, window) if _iou_squares(one, first) > MIN_FOUND_IOU]
            looks.append(max(seen, key=lambda one: one.score, default=Candidate(square, 0.0)))
            enough = UPRIGHT_TRUSTED_SCORE if first.trusted and abs(square.angle_rad) < SURE_ROLL else UPRIGHT_SCORE
            if quarter == 0 and looks[0].score >= enough:
                break
        best = max(looks, key=lambda one: one.score)
        if best.score < TURNED_SCORE or best.score < looks[0].score + TURNED_LEAD:
            best = looks[0]
        own = first.score if first.trusted else 0.0
        return Candidate(best.square, max(best.score - SECOND_LOOK_EXCESS, own))


def look(detector: DetectorGraph, image: np.ndarray, window: RotatedSquare) -> list[Candidate]:
    """What a detector sees in a window of a picture (H, W, 3) uint8 RGB."""
    candidates = []
    for raw in detector(window.sample(image, detector.size)):
        (x0, y0, x1, y1), eyes = raw.box, np.array([raw.right_eye, raw.left_eye])
        center = window.to_picture(np.array([(x0 + x1) / 2, (y0 + y1) / 2]))
        angle = roll_of(*window.to_picture(eyes))
        side = max(x1 - x0, y1 - y0) * window.side_px * CROP_MARGIN
        candidates.append(Candidate(RotatedSquare((float(center[0]), float(center[1])), side, angle), raw.score))
    return candidates


def mark(mesh: MeshGraph, image: np.ndarray, candidate: Candidate, passes: int) -> DetectedFace | None:
    """The landmarks of a possible face; None where the landmark network sees no face, or another one."""
    square = candidate.square
    points_px, z, mesh_score = np.zeros((0, 2)), np.zeros(0), 0.0
    for _ in range(passes):
        points, mesh_score = mesh(square.sample(image, MESH_SIZE))
        if mesh_score < MIN_MESH_SCORE:
            return None
        points_px, z = square.to_picture(points[:, :2]), points[:, 2] * square.side_px
        square = upright_square(points_px)
    box = np.concatenate([points_px.min(0), points_px.max(0)])
    if iou(box, _box(candidate.square, 1 / CROP_MARGIN)) < MIN_FOUND_IOU:
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


def upright_square(landmarks_px: np.ndarray) -> RotatedSquare:
    """What the landmark network looks at, around a face's landmarks (478, 2)."""
    corners = landmarks_px[list(OUTER_EYE_CORNERS)].astype(np.float64)
    return RotatedSquare.around(landmarks_px, roll_of(*corners), CROP_MARGIN)


def _doubted(candidate: Candidate) -> Candidate:
    return replace(candidate, trusted=False)


def _tile_levels(height: int, width: int) -> Iterator[list[RotatedSquare]]:
    """Overlapping tiles, half the side at each level, down to `TILE_PX`."""
    side = max(height, width) / 2
    smallest = max(TILE_PX, max(height, width) / MAX_TILES_ACROSS)
    while True:
        side = max(side, smallest)
        columns, rows = _starts(width, side), _starts(height, side)
        yield [RotatedSquare((x + side / 2, y + side / 2), side) for y in rows for x in columns]
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
        if all(_iou_squares(candidate, other) < SAME_FACE_IOU for other in kept):
            kept.append(candidate)
    return kept


def _box(square: RotatedSquare, scale: float) -> np.ndarray:
    half = square.side_px * scale / 2
    (x, y) = square.center_px
    return np.array([x - half, y - half, x + half, y + half])


def _iou_squares(first: Candidate, second: Candidate) -> float:
    return iou(_box(first.square, 1.0), _box(second.square, 1.0))


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two boxes x0 y0 x1 y1."""
    low, high = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = float(np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2]))
    return shared / (areas - shared) if areas > shared else 0.0
