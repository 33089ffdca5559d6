"""The One-Euro filter: a low pass whose cutoff rises with speed, so that rest is calm and motion does not lag.

Casiez, Roussel, Vogel, "1 Euro Filter", CHI 2012. Times are in seconds, and frames need not be evenly spaced.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

LONGEST_STEP_S = 0.5  # after such a gap there is nothing to filter with


class OneEuro:
    """For arrays (..., d) of vectors; each vector has a cutoff of its own, by the length of its velocity."""

    def __init__(self, rest_hz: float, hz_per_speed: float, speed_hz: float) -> None:
        """Cutoff at rest, what it grows by per unit of speed, and the cutoff of the speed itself."""
        self.rest_hz, self.hz_per_speed, self.speed_hz = rest_hz, hz_per_speed, speed_hz
        self.reset()

    def reset(self) -> None:
        """Forget; the next value comes out as it goes in."""
        self._raw: np.ndarray | None = None
        self._smooth: np.ndarray | None = None
        self._velocity: np.ndarray | None = None

    def __call__(self, value: np.ndarray, step_s: float) -> np.ndarray:
        """The filtered value, ``step_s`` after the one before; the first comes back as it is."""
        if self._raw is None or self._smooth is None or self._velocity is None:
            self._raw, self._smooth, self._velocity = value, value, np.zeros_like(value)
            return value
        self._velocity, share = self._adapt((value - self._raw) / step_s, step_s)
        self._raw, smooth = value, self._smooth + share * (value - self._smooth)
        self._smooth = smooth
        return smooth

    def _adapt(self, velocity: np.ndarray, step_s: float) -> tuple[np.ndarray, np.ndarray]:
        """The smooth velocity (..., d), and which share (..., 1) of the way to the new value is gone."""
        assert self._velocity is not None
        smooth = self._velocity + _share(self.speed_hz, step_s) * (velocity - self._velocity)
        speed = np.sqrt((smooth * smooth).sum(-1, keepdims=True))
        return smooth, _share(self.rest_hz + self.hz_per_speed * speed, step_s)


class OneEuroRotation(OneEuro):
    """The same for a rotation matrix (3, 3), along the shortest way from one rotation to the next."""

    def __call__(self, value: np.ndarray, step_s: float) -> np.ndarray:
        """The filtered rotation."""
        if self._raw is None or self._smooth is None or self._velocity is None:
            self._raw, self._smooth, self._velocity = value, value, np.zeros(3)
            return value
        self._velocity, share = self._adapt(_turn_between(self._raw, value) / step_s, step_s)
        smooth = cv2.Rodrigues(share * _turn_between(self._smooth, value))[0] @ self._smooth
        self._raw, self._smooth = value, smooth
        return smooth


def _share(cutoff_hz: float | np.ndarray, step_s: float) -> np.ndarray:
    """Of a first-order low pass, after one step."""
    return np.asarray(1 / (1 + 1 / (2 * math.pi * cutoff_hz * step_s)))


def _turn_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(3,) axis-angle that turns one rotation into the other: ``end = exp(turn) start``."""
    return cv2.Rodrigues(end @ start.T)[0][:, 0]
