"""Faces found at any size and turn, then their landmarks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shared.images.faces import DetectedFace, box_area
from shared.landmarker.blaze_face import BlazeFace
from shared.landmarker.boxes import iou
from shared.landmarker.candidates import (
    SAME_FACE_IOU,
    Candidate,
    look,
    look_closely,
    whole,
    without_overlaps,
)
from shared.landmarker.center_face import CenterFace
from shared.landmarker.guard import Guarded, check_picture
from shared.landmarker.reader import FaceReader, Passes
from shared.landmarker.rotated_square import RotatedSquare
from shared.landmarker.sessions import Where

# The full-range detector is right about such faces; others are looked at twice.
SURE_SCORE, SURE_ROLL = 0.8, np.deg2rad(50)
SECOND_LOOK = 1.2  # window of the second look over the first crop: the short-range detector's favourite size of face
UPRIGHT_SCORE = 0.84  # the short-range detector reaches it only with upright faces
PLAIN_SCORE = 0.9  # heads that stand upside down get up to 0.86 from the fast detectors, as if they stood upright
MIN_SECOND_IOU = 0.15  # between the first look and the second
# Longer side of the picture for CenterFace: near and middling faces, then small ones.
NEAR_SIDE_PX, FAR_SIDE_PX = 512, 1280
TURNED_SCORE = 0.6  # CenterFace's for a face that is upright only in the turned picture


class FaceLandmarker(Guarded):
    """A `FaceDetector` with our ONNX networks; make one a process, after any fork, and share it.

    The same picture gives bitwise the same faces, whatever came before it. Threads take turns; torch may work in
    another thread meanwhile. Use as a context manager or call `close`.
    """

    def __init__(
        self,
        min_score: float = 0.45,
        max_faces: int = 20,
        stills: Passes = "mirror",
        thorough: bool = False,
        threads: int = 1,
        where: Where = "auto",
    ) -> None:
        """Load the networks.

        Args:
            min_score: faces of a lower score are dropped. On pictures of things CenterFace gives up to 0.37.
            max_faces: the best are kept.
            stills: how landmarks are found; see `FaceReader.read`.
            thorough: search for further faces even where some were found.
            threads: for each network.
            where: "auto" takes a GPU if the installed ONNX Runtime can use one; "cpu".
        """
        super().__init__()
        if not 0 < min_score < 1:
            raise ValueError(f"min_score must be between 0 and 1, got {min_score}")
        self.min_score, self.max_faces, self.thorough = min_score, max_faces, thorough
        self.stills: Passes = stills
        self._full, self._short = BlazeFace("full", threads, where), BlazeFace("short", threads, where)
        self._center, self._reader = CenterFace(min_score, threads, where), FaceReader(threads, where)

    def _free(self) -> None:
        del self._full, self._short, self._center, self._reader

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        """Faces of one (H, W, 3) uint8 RGB picture, the largest box first; empty if there is none.

        BlazeFace looks first. Only if it is sure of nothing, or if ``thorough``, CenterFace follows: at a small size,
        on the picture turned by quarters, at a large size.
        """
        check_picture(image)
        with self._my_turn():
            return self._search(np.ascontiguousarray(image))

    def _search(self, image: np.ndarray) -> list[DetectedFace]:
        faces: list[DetectedFace] = []
        for candidates in self._levels(image):
            read = self._reader.read(image, [one for one in candidates if one.score >= self.min_score], self.stills)
            for face in sorted((one for one in read if one is not None), key=lambda one: -one.presence):
                if all(iou(face.box_px, other.box_px) < SAME_FACE_IOU for other in faces):
                    faces.append(face)
            if faces and not self.thorough:
                break
        best = sorted(faces, key=lambda face: -face.detector_score)[: self.max_faces]
        return sorted(best, key=box_area, reverse=True)

    def _levels(self, image: np.ndarray) -> Iterator[list[Candidate]]:
        """Searches in order of cost, each with what it found."""
        yield self._glance(image)
        yield self._both(image, look_closely(self._center, image, NEAR_SIDE_PX))
        turned = [one for quarter in (2, 1, 3) for one in look_closely(self._center, image, NEAR_SIDE_PX, quarter)]
        yield self._both(image, [one for one in turned if one.score >= TURNED_SCORE])
        if max(image.shape[:2]) > NEAR_SIDE_PX:
            yield self._both(image, look_closely(self._center, image, FAR_SIDE_PX))

    def _glance(self, image: np.ndarray) -> list[Candidate]:
        """What the two fast detectors agree on, or the full-range one is sure of: upright faces."""
        (found,) = look(self._full, image, [whole(image)])
        if not any(is_sure(one) for one in found):
            found += look(self._short, image, [whole(image)])[0]
        upright = without_overlaps([one for one in found if abs(one.square.angle_rad) < SURE_ROLL])
        sure = [one for one in upright if is_sure(one)]
        looked = self._second_look(image, [one for one in upright if not is_sure(one)])
        found = without_overlaps(sure + [one for one in looked if one.score >= UPRIGHT_SCORE])
        return [one for one in found if one.score >= PLAIN_SCORE or self._is_upright(image, one)]

    def _is_upright(self, image: np.ndarray, candidate: Candidate) -> bool:
        """Whether the short-range detector scores it higher so than upside down, where it may find a face too."""
        square = candidate.square
        windows = [
            RotatedSquare(square.center_px, square.side_px * SECOND_LOOK, square.angle_rad + turn)
            for turn in (0, np.pi)
        ]
        upright, turned = (
            max((one.score for one in seen if one.overlap(candidate) > MIN_SECOND_IOU), default=0.0)
            for seen in look(self._short, image, windows)
        )
        return upright >= turned

    def _both(self, image: np.ndarray, found: list[Candidate]) -> list[Candidate]:
        """CenterFace's places, and where the short-range detector would put them.

        The former is right about profiles; the latter about faces that the picture cuts off, as it goes on beyond it.
        """
        kept = without_overlaps(found)
        return kept + self._second_look(image, kept)

    def _second_look(self, image: np.ndarray, first: list[Candidate]) -> list[Candidate]:
        """The short-range detector on doubtful faces at its best size; nothing where it finds none."""
        if not first:
            return []
        squares = [one.square for one in first]
        windows = [RotatedSquare(one.center_px, one.side_px * SECOND_LOOK, one.angle_rad) for one in squares]
        best = []
        for one, seen in zip(first, look(self._short, image, windows), strict=True):
            near = [other for other in seen if other.overlap(one) > MIN_SECOND_IOU]
            best += sorted(near, key=lambda other: -other.score)[:1]
        return best


def is_sure(candidate: Candidate) -> bool:
    """Whether no second look is needed."""
    return candidate.score >= SURE_SCORE and abs(candidate.square.angle_rad) < SURE_ROLL
