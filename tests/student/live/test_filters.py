from __future__ import annotations

import cv2
import numpy as np
import pytest

from student.live.filters import OneEuro, OneEuroRotation
from student.live.identity import RunningIdentity

STEP_S = 1 / 30


def run(one_euro: OneEuro, values: np.ndarray, step_s: float = STEP_S) -> np.ndarray:
    return np.stack([one_euro(value, step_s) for value in values])


def acceleration(values: np.ndarray) -> float:
    return float(np.abs(np.diff(values, 2, axis=0)).mean())


def test_a_constant_stays() -> None:
    values = np.tile([[1.0, -2.0], [3.0, 4.0]], (20, 1, 1))
    np.testing.assert_array_equal(run(OneEuro(1.0, 1.0, 1.0), values), values)


def test_noise_at_rest_is_calmed_and_the_mean_kept() -> None:
    noise = np.random.default_rng(0).normal(5.0, 0.01, (600, 1))
    smooth = run(OneEuro(1.0, 1.0, 1.0), noise)
    assert acceleration(smooth) < 0.15 * acceleration(noise)
    assert abs(smooth[100:].mean() - 5.0) < 0.002


def lag_s(hz_per_speed: float) -> float:
    ramp = np.arange(90)[:, None] * STEP_S * 2.0  # two units a second
    return float((ramp - run(OneEuro(1.0, hz_per_speed, 1.0), ramp))[-1, 0] / 2.0)


def test_lag_in_motion_shrinks_with_the_second_parameter() -> None:
    # A first-order low pass of cutoff f follows a ramp 1 / (2 pi f) late.
    assert lag_s(0.0) == pytest.approx(1 / (2 * np.pi), rel=0.02)
    assert lag_s(4.5) == pytest.approx(1 / (2 * np.pi * 10), rel=0.05)


def test_cutoffs_hold_in_time_and_not_in_frames() -> None:
    seconds = 0.2
    values = {n: np.r_[[0.0], np.ones(n)][:, None] for n in (6, 24)}
    ends = [run(OneEuro(1.0, 0.0, 1.0), value, seconds / n)[-1, 0] for n, value in values.items()]
    assert ends[0] == pytest.approx(ends[1], abs=0.06)
    assert ends[1] == pytest.approx(1 - np.exp(-2 * np.pi * seconds), abs=0.03)


def test_vectors_have_cutoffs_of_their_own() -> None:
    moving = np.stack([np.arange(60) * 0.5, np.random.default_rng(1).normal(0, 0.01, 60)], 1)
    apart = run(OneEuro(1.0, 2.0, 1.0), moving[..., None])[..., 0]
    together = run(OneEuro(1.0, 2.0, 1.0), moving)
    assert acceleration(apart[:, 1:]) < 0.5 * acceleration(together[:, 1:])


def test_after_a_reset_the_next_value_comes_as_it_is() -> None:
    one_euro = OneEuro(1.0, 0.0, 1.0)
    run(one_euro, np.zeros((5, 1)))
    one_euro.reset()
    assert one_euro(np.array([7.0]), STEP_S)[0] == 7.0


def rotation(angle: float, axis: tuple[float, float, float] = (0.0, 1.0, 0.0)) -> np.ndarray:
    return cv2.Rodrigues(angle * np.array(axis))[0]


def test_rotations_stay_rotations_and_take_the_short_way_across_a_half_turn() -> None:
    # Axis-angle vectors jump from pi to -pi here; the rotation itself does not.
    path = np.stack([rotation(3.0 + 0.02 * n) for n in range(60)])
    smooth = run(OneEuroRotation(1.0, 4.0, 1.0), path)
    np.testing.assert_allclose(smooth @ smooth.transpose(0, 2, 1), np.tile(np.eye(3), (60, 1, 1)), atol=1e-9)
    behind = [np.linalg.norm(cv2.Rodrigues(p @ s.T)[0]) for p, s in zip(path, smooth, strict=True)]
    assert max(behind) < 0.05
    np.testing.assert_array_equal(run(OneEuroRotation(1.0, 4.0, 1.0), path[:1].repeat(9, 0)), path[:1].repeat(9, 0))


def test_rotation_noise_is_calmed() -> None:
    random = np.random.default_rng(2)
    noisy = np.stack([cv2.Rodrigues(random.normal(0, 0.01, 3))[0] @ rotation(0.7) for _ in range(300)])
    assert acceleration(run(OneEuroRotation(1.0, 2.0, 1.0), noisy)) < 0.15 * acceleration(noisy)


def test_the_person_is_the_mean_by_confidence() -> None:
    person = RunningIdentity(memory_s=1e9, limit=1.0)
    person(np.array([1.0, 0.0]), np.array([0.5, 1.0]), STEP_S)
    mean = person(np.array([0.0, 1.0]), np.array([1.0, 0.5]), STEP_S)
    np.testing.assert_allclose(mean, [0.8, 0.8])


def test_the_person_can_still_change() -> None:
    person, std = RunningIdentity(memory_s=2.0, limit=1.0), np.full(3, 0.3)
    for _ in range(900):
        person(np.zeros(3), std, STEP_S)
    for _ in range(60):
        mean = person(np.ones(3), std, STEP_S)
    np.testing.assert_allclose(mean, 1 - np.exp(-1), atol=0.02)


def test_strangers() -> None:
    person, std = RunningIdentity(memory_s=10.0, limit=1.0), np.full(3, 0.3)
    assert not person.is_new_subject(np.ones(3), std)
    person(np.zeros(3), std, STEP_S)
    assert not person.is_new_subject(np.full(3, 0.2), std)
    assert person.is_new_subject(np.full(3, 0.5), std)
    assert not person.is_new_subject(np.full(3, 0.5), np.ones(3))
