from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from skimage.data import coffee

from shared.images.faces import DetectedFace
from shared.landmarker.rotated_square import RotatedSquare
from shared.landmarker.search import FaceLandmarker
from shared.landmarker.tracker import LandmarkTracker


@pytest.fixture(scope="module")
def tracker() -> Iterator[LandmarkTracker]:
    with LandmarkTracker() as one:
        yield one


def error(found: np.ndarray, face: DetectedFace) -> float:
    """Mean distance as a share of the outer-eye-corner distance."""
    return float(np.linalg.norm(found - face.landmarks_px, axis=1).mean()) / face.size_px


def test_a_face_is_followed_while_it_moves_turns_and_grows(
    photo: np.ndarray, detector: FaceLandmarker, tracker: LandmarkTracker
) -> None:
    (face,) = detector.detect(photo)
    around = None
    for step in range(12):
        square = RotatedSquare((225.0 + 3 * step, 150.0), 260.0 - 6 * step, np.deg2rad(6.0 * step))
        frame = square.sample(photo, 512)
        if around is None:
            (start,) = detector.detect(frame)
            around = start.landmarks_px
        found = tracker.track(frame, around)
        assert found is not None
        assert error(square.to_picture(found.landmarks_px / 512), face) < 0.03
        assert (found.detector_score, found.presence > 0.9) == (1, True)
        assert found.blendshapes is not None
        around = found.landmarks_px


def test_a_face_that_is_gone_is_lost(photo: np.ndarray, detector: FaceLandmarker, tracker: LandmarkTracker) -> None:
    (face,) = detector.detect(photo)
    assert tracker.track(np.full_like(photo, 90), face.landmarks_px) is None
    assert tracker.track(photo, np.add(face.landmarks_px, [0, 250])) is None


def test_a_glance_finds_the_easy_face(photo: np.ndarray, detector: FaceLandmarker, tracker: LandmarkTracker) -> None:
    (face,) = detector.detect(photo)
    (found,) = tracker.glance(photo)
    assert error(found.landmarks_px, face) < 0.02
    assert tracker.glance(coffee()) == []


def test_a_closed_tracker_says_so(photo: np.ndarray) -> None:
    closed = LandmarkTracker()
    closed.close()
    with pytest.raises(RuntimeError, match=r"is closed: make a new LandmarkTracker\(\)"):
        closed.track(photo, np.zeros((478, 2)))
