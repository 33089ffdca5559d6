"""Faces found at any size and turn, then their landmarks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shared.images.faces import DetectedFace, box_area
from shared.landmarker.blaze_face import BlazeFace
from shared.landmarker.boxes import iou
from shared.landmarker.candidates import SAME_FACE_IOU, Candidate, candidates_of, look, without_overlaps
from shared.landmarker.center_face import CenterFace
from shared.landmarker.guard import Guarded, check_picture
from shared.landmarker.reader import FaceReader, Passes
from shared.landmarker.rotated_square import RotatedSquare
from shared.landmarker.sessions import Where

# The full-range detector is right about such faces; others are looked at twice.
SURE_SCORE, SURE_ROLL = 0.8, np.deg2rad(50)
SECOND_LOOK = 1.2  # window of the second look over the first crop: the short-range detector's favourite size of face
UPRIGHT_SCORE = 0.88  # the short-range detector reaches it only with upright faces ...
UPRIGHT_TRUSTED_SCORE = 0.84  # ... and this is enough where the full-range detector agrees,
TURNED_SCORE, TURNED_LEAD = 0.83, 0.03  # ... and another turn must be as good as this and better than the first
SECOND_LOOK_EXCESS = 0.1  # it gives things that are no face up to 0.76, where the full-range detector gives 0.67
MIN_SECOND_IOU = 0.15  # between the first look and the second
CENTER_FACE_SIDES_PX = (512, 1536)  # longer side of the picture for CenterFace: the next one where the first sees none


class FaceLandmarker(Guarded):
    """A `FaceDetector` with our ONNX networks; make one a process, after any fork, and share it.

    The same picture gives bitwise the same faces, whatever came before it. Threads take turns; torch may work in
    another thread meanwhile. Use as a context manager or call `close`.
    """

    def __init__(
        self,
        min_score: float = 0.7,
        max_faces: int = 20,
        stills: Passes = "two_pass",
        thorough: bool = False,
        threads: int = 1,
        where: Where = "auto",
    ) -> None:
        """Load the networks.

        Args:
            min_score: faces of a lower score are dropped. 0.7 rejects a cat's face and a colour wheel.
            max_faces: the best are kept.
            stills: how landmarks are found; see `FaceReader.read`.
            thorough: search for small faces even where larger ones were found.
            threads: for each network.
            where: "auto" takes a GPU if the installed ONNX Runtime can use one; "cpu".
        """
        super().__init__()
        if not 0 < min_score < 1:
            raise ValueError(f"min_score must be between 0 and 1, got {min_score}")
        self.min_score, self.max_faces, self.stills, self.thorough = min_score, max_faces, stills, thorough
        self._full, self._short = BlazeFace("full", threads, where), BlazeFace("short", threads, where)
        self._center, self._reader = CenterFace(threads, where), FaceReader(threads, where)

    def _free(self) -> None:
        del self._full, self._short, self._center, self._reader

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        """Faces of one (H, W, 3) uint8 RGB picture, the largest box first; empty if there is none."""
        check_picture(image)
        with self._my_turn():
            return self._search(np.ascontiguousarray(image))

    def _search(self, image: np.ndarray) -> list[DetectedFace]:
        faces: list[DetectedFace] = []
        for candidates in self._levels(image):
            looked = [self._second_look(image, one) for one in without_overlaps(candidates)]
            likely = [one for one in looked if one.score >= self.min_score]
            for face in self._reader.read(image, likely, self.stills):
                if face is not None and all(iou(face.box_px, other.box_px) < SAME_FACE_IOU for other in faces):
                    faces.append(face)
            if faces and not self.thorough:
                break
        best = sorted(faces, key=lambda face: -face.score)[: self.max_faces]
        return sorted(best, key=box_area, reverse=True)

    def _levels(self, image: np.ndarray) -> Iterator[list[Candidate]]:
        """Searches in order of cost, each with what it found."""
        height, width = image.shape[:2]
        whole = RotatedSquare((width / 2, height / 2), float(max(height, width)))
        (found,) = look(self._full, image, [whole])
        if not any(is_sure(candidate) for candidate in found):
            (near,) = look(self._short, image, [whole])
            found += [one if one.score >= UPRIGHT_SCORE else one.doubted() for one in near]
        yield found
        picture = np.array([width, height]) / whole.side_px  # the picture's share of the square around it
        margin = (1 - picture) / 2
        for side_px in CENTER_FACE_SIDES_PX:
            seen = self._center(image, side_px)
            boxes = seen.boxes * np.tile(picture, 2) + np.tile(margin, 2)
            yield candidates_of(type(seen)(boxes, seen.eyes * picture + margin, seen.scores), whole, trusted=False)
            if side_px >= max(height, width):
                return

    def _second_look(self, image: np.ndarray, first: Candidate) -> Candidate:
        """Run the short-range detector on a doubtful face at its best size, upright and turned by quarters.

        The detectors find turned faces but misplace their eyes, and the landmark network gives upside-down faces a high
        score as well. The short-range detector scores 0.86 and more where it sees a face upright, less where not.
        """
        if is_sure(first):
            return first
        square, looks = first.square, []
        for quarter in range(4):
            angle = square.angle_rad + quarter * np.pi / 2
            window = RotatedSquare(square.center_px, square.side_px * SECOND_LOOK, angle)
            seen = [one for one in look(self._short, image, [window])[0] if one.overlap(first) > MIN_SECOND_IOU]
            looks.append(max(seen, key=lambda one: one.score, default=Candidate(square, 0.0)))
            enough = UPRIGHT_TRUSTED_SCORE if first.trusted and abs(square.angle_rad) < SURE_ROLL else UPRIGHT_SCORE
            if quarter == 0 and looks[0].score >= enough:
                break
        best = max(looks, key=lambda one: one.score)
        if best.score < TURNED_SCORE or best.score < looks[0].score + TURNED_LEAD:
            best = looks[0]
        own = first.score if first.trusted else 0.0
        return Candidate(best.square, max(best.score - SECOND_LOOK_EXCESS, own))


def is_sure(candidate: Candidate) -> bool:
    """Whether no second look is needed."""
    return candidate.trusted and candidate.score >= SURE_SCORE and abs(candidate.square.angle_rad) < SURE_ROLL
