from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from shared.images.faces import DetectedFace
from student.config import TrackConfig
from student.live.tracker import FaceRegion, FaceTracker, HeadLedTracker, LandmarkLedTracker
from tests.student.live.scenes import RATE_HZ, TrueDetector, landmarks_of, moving, picture

COUNT = 100
LEFT, RIGHT = landmarks_of(moving(COUNT, -0.12)), landmarks_of(moving(COUNT, 0.12))


def tracker_of(every_frame: bool) -> type[FaceTracker]:
    return LandmarkLedTracker if every_frame else HeadLedTracker


def follow(
    detector: TrueDetector, every_frame: bool = True, config: TrackConfig | None = None, cuts: tuple[int, ...] = ()
) -> list[FaceRegion | None]:
    """Places in all frames; the network finds the face nearest to where it looks, or just that place."""
    tracker = tracker_of(every_frame)(detector, detector, config or TrackConfig())
    places: list[FaceRegion | None] = []
    for number, faces in enumerate(detector.faces):
        image, time_s = picture(number), number / RATE_HZ
        place = tracker.place(image, time_s, number in cuts)
        if place is not None:
            around = place.around_px
            output = min(faces, key=lambda face: np.abs(face - around).mean(), default=around)
            if not tracker.confirm(image, place, output, -1.0):
                place = tracker.again(image, time_s)
                assert place is None or tracker.confirm(image, place, place.around_px, -1.0)
        places.append(place)
    return places


def x_of(places: list[FaceRegion | None]) -> np.ndarray:
    return np.array([np.nan if place is None else place.around_px[:, 0].mean() for place in places])


@pytest.mark.parametrize("every_frame", [True, False])
def test_the_detector_is_asked_once(every_frame: bool) -> None:
    detector = TrueDetector([[face] for face in LEFT])
    places = follow(detector, every_frame)
    assert detector.searched == [0]
    assert [place is not None and place.follows for place in places] == [False] + [True] * (COUNT - 1)
    assert len(detector.followed) == (COUNT - 1 if every_frame else (COUNT - 1) // 10)
    np.testing.assert_allclose(x_of(places), LEFT[:, :, 0].mean(1), atol=2.0)


@pytest.mark.parametrize("every_frame", [True, False])
def test_a_face_is_lost_for_two_seconds_and_comes_back(every_frame: bool) -> None:
    detector = TrueDetector([[] if 20 <= n < 80 else [LEFT[n]] for n in range(COUNT)])
    places = follow(detector, every_frame, TrackConfig(check_every=4))
    found = np.isfinite(x_of(places))
    late = 0 if every_frame else 4
    assert found[:20].all()
    assert not found[20 + late : 80].any()
    assert found[80:].all()
    assert not places[80].follows  # type: ignore[union-attr]
    assert len(detector.searched) <= 2 + 2 * 2 + 1  # thoroughly twice a second, and not each frame


def test_a_network_in_doubt_is_checked_at_once() -> None:
    detector = TrueDetector([[LEFT[0]]] * 10)
    tracker = HeadLedTracker(detector, detector, TrackConfig(check_every=1000))
    for number in range(10):
        image = picture(number)
        place = tracker.place(image, number / RATE_HZ, False)
        assert place is not None
        assert tracker.confirm(image, place, LEFT[0], -1.0 if number < 6 else 0.0)
    assert detector.followed == [6, 7, 8, 9][: len(detector.followed)]
    assert detector.followed


def test_of_two_people_the_same_is_followed() -> None:
    big = [1.3 * (face - face.mean(0)) + face.mean(0) for face in RIGHT]
    # The left one is there first, and stays so though the larger one comes, also through a short loss.
    faces = [[LEFT[n]] if n < 10 else [big[n]] if n in (40, 41, 42) else [LEFT[n], big[n]] for n in range(COUNT)]
    assert (x_of(follow(TrueDetector(faces)))[43:] > 120).all()  # the only one there when the left one was lost
    faces = [[LEFT[n]] if n < 10 else [] if n in (40, 41, 42) else [LEFT[n], big[n]] for n in range(COUNT)]
    x = x_of(follow(TrueDetector(faces)))
    assert (x[43:] < 120).all()
    assert (x[10:40] < 120).all()
    # After a long loss the largest counts.
    faces = [[LEFT[n]] if n < 10 else [] if n < 60 else [LEFT[n], big[n]] for n in range(COUNT)]
    assert (x_of(follow(TrueDetector(faces)))[60:] > 120).all()


def test_a_cut_starts_anew() -> None:
    big = [1.3 * (face - face.mean(0)) + face.mean(0) for face in RIGHT]
    detector = TrueDetector([[LEFT[n]] if n < 50 else [LEFT[n], big[n]] for n in range(COUNT)])
    places = follow(detector, cuts=(0, 50))
    assert detector.searched == [0, 50]
    assert not places[50].follows  # type: ignore[union-attr]
    assert (x_of(places)[50:] > 120).all()


def test_a_face_that_leaves_the_picture_is_lost() -> None:
    away = [LEFT[0] - [4.0 * n, 0.0] for n in range(COUNT)]
    # The follower would go on for ever, as landmark networks do with half a face.
    places = follow(TrueDetector([[face] if face[:, 0].max() > 0 else [] for face in away]))
    inside = np.array([(face >= 0).all(1).mean() for face in away])
    found = np.isfinite(x_of(places))
    assert found[inside > 0.5].all()
    assert not found[inside == 0].any()


def test_what_is_not_finite_is_no_face() -> None:
    detector = TrueDetector([[LEFT[0]]])
    tracker = LandmarkLedTracker(detector, detector, TrackConfig())
    place = tracker.place(picture(0), 0.0, True)
    assert place is not None
    assert not tracker.confirm(picture(0), place, LEFT[0] * np.nan, -1.0)


@dataclass
class Watched(TrueDetector):
    """Remembers where it was asked to look."""

    looked: list[np.ndarray] = field(default_factory=list)

    def track(self, image: np.ndarray, around_px: np.ndarray) -> DetectedFace | None:
        self.looked.append(around_px)
        return super().track(image, around_px)


def test_scattered_landmarks_do_not_shake_what_is_looked_at() -> None:
    random = np.random.default_rng(0)
    shaken = [[LEFT[0] + random.normal(0, 0.4, (1, 2))] for _ in range(COUNT)]
    detector = Watched(shaken)
    places = x_of(follow(detector))
    looked = np.array([around[:, 0].mean() for around in detector.looked])
    np.testing.assert_allclose(
        places, [face[0][:, 0].mean() for face in shaken], atol=1e-3
    )  # they are predicted as observed
    assert looked[30:].std() < 0.6 * places[30:].std()
    moved = Watched([[face] for face in LEFT[0] + 3.0 * np.arange(40)[:, None, None] * [1.0, 0.0]])
    follow(moved)
    seen = zip(moved.faces[1:], moved.looked, strict=True)
    late = [face[:, 0].mean() - around[:, 0].mean() for (face,), around in seen]
    assert max(late) < 0.25 * np.ptp(LEFT[0][:, 0])
