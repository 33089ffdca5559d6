"""Activations and jaw that make a head move as scans do, and their second moment over faces."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from shared.flame.open_head.expression_calibration.carried import HeadParts
from shared.flame.open_head.makehuman import Array
from shared.flame.schema import FlameAssets

JAW = 2  # the joint
STEPS = 2  # of Gauss-Newton; only the jaw is not linear
# How far carried motion is trusted at a vertex, metres. Neighbours err together, so this is much more than one vertex
# errs by; teeth are rigid, so they settle the jaw.
SKIN_M, LIPS_M, LID_MARGIN_M, TEETH_M = 4e-3, 2.5e-3, 1.6e-3, 1e-3
# Deviations that the starting prior adds to what the drawn activations say: ARKit's units, others, jaw (radians).
ARKIT_STD, OTHER_STD, JAW_STD = 0.05, 0.05, 0.02
UNSEEN_STD = 0.15  # of units that scans do not show
UNSEEN = ("tongueOut", "mouthClose")
Progress = Callable[[Iterable[int]], Iterable[int]]


@dataclass(frozen=True, eq=False)
class FaceMotion:
    """What one scanned face does, at a head that was fitted to its neutral state."""

    neutral_m: Array  # (V, 3)
    motion_m: Array  # (V, 3)
    known: Array  # (V,) bool


class MotionFitter:
    """Gauss-Newton over activations of U units and the jaw's rotation (axis-angle), U + 3 unknowns."""

    def __init__(self, head: FlameAssets, parts: HeadParts, units: Array) -> None:
        """``units`` (U, V, 3): additive, metres."""
        used = parts.face | parts.lower_teeth | parts.upper_teeth
        self._rows = np.flatnonzero(used)
        deviation = np.full(head.n_vertices, SKIN_M)
        deviation[parts.lips] = LIPS_M
        deviation[parts.lid_margin] = LID_MARGIN_M
        deviation[parts.lower_teeth | parts.upper_teeth] = TEETH_M
        self._weight = 1 / deviation[self._rows]
        self._units = np.moveaxis(units[:, self._rows], 0, -1)  # (R, 3, U)
        self._corrective = head.posedirs.double().numpy()[self._rows][..., 9:18]
        self._skinning = head.lbs_weights[self._rows, JAW].double().numpy()[:, None]
        self._regressor = head.joint_regressor[JAW].double().numpy()

    @property
    def n_unknowns(self) -> int:
        """U + 3."""
        return self._units.shape[2] + 3

    def fit(self, face: FaceMotion, prior: Array) -> tuple[Array, Array]:
        """Most probable unknowns (U + 3,) and their remaining covariance, under N(0, prior)."""
        precision = np.linalg.inv(prior)
        hinge = self._regressor @ face.neutral_m
        neutral, motion = face.neutral_m[self._rows], face.motion_m[self._rows]
        weight = np.where(face.known[self._rows], self._weight, 0.0)[:, None]
        n = self._units.shape[2]
        z, information = np.zeros(n + 3), precision
        for _ in range(STEPS):
            moved, turn = self._moved(neutral, hinge, z), _matrix(z[n:])
            blend = np.eye(3) + self._skinning[..., None] * (turn - np.eye(3))
            by_unit = blend @ self._units
            by_jaw = np.stack([(self._moved(neutral, hinge, z + d) - moved) / 1e-5 for d in self._jaw_steps(n)], -1)
            slope = (np.concatenate([by_unit, by_jaw], 2) * weight[..., None]).reshape(-1, n + 3)
            error = ((motion - (moved - neutral)) * weight).ravel()
            information = slope.T @ slope + precision
            z = z + np.linalg.solve(information, slope.T @ error - precision @ z)
        return z, np.linalg.inv(information)

    def predicted(self, neutral_m: Array, unknowns: Array) -> tuple[Array, Array]:
        """The vertices that count (R,), and where they are (R, 3) on a head (V, 3) for unknowns (U + 3,)."""
        return self._rows, self._moved(neutral_m[self._rows], self._regressor @ neutral_m, unknowns)

    def _moved(self, neutral: Array, hinge: Array, z: Array) -> Array:
        """(R, 3) posed vertices."""
        turn = _matrix(z[-3:]) - np.eye(3)
        rest = neutral + self._units @ z[:-3] + self._corrective @ turn.ravel()
        return rest + self._skinning * ((rest - hinge) @ turn.T)

    @staticmethod
    def _jaw_steps(n: int) -> Array:
        steps = np.zeros((3, n + 3))
        steps[:, n:] = 1e-5 * np.eye(3)
        return steps


def starting_prior(unit_names: tuple[str, ...], arkit_names: tuple[str, ...], drawn: Array) -> Array:
    """(U + 3, U + 3) if the units were the scans' own: of drawn (N, U + 3) activations and jaws, and some deviation."""
    deviation = [
        UNSEEN_STD if name in UNSEEN else ARKIT_STD if name in arkit_names else OTHER_STD for name in unit_names
    ]
    return drawn.T @ drawn / len(drawn) + np.diag(np.square([*deviation, *[JAW_STD] * 3]))


def second_moment(
    fitter: MotionFitter, faces: list[FaceMotion], prior: Array, mirror: Array, progress: Progress
) -> Array:
    """(U + 3, U + 3) about zero, alike on both sides; ``mirror`` maps unknowns.

    One step of expectation-maximisation: the remaining covariance of each fit is added, so that combinations no face
    shows keep the prior's variance. More steps would spend ever odder combinations of units on what the units lack.
    Then the mean with the prior, for which the units mean what their names say: faces made by them are as likely.
    """
    total = np.zeros_like(prior)
    for i in progress(range(len(faces))):
        z, covariance = fitter.fit(faces[i], prior)
        total += np.outer(z, z) + covariance
    moment = (total / len(faces) + prior) / 2
    return (moment + mirror @ moment @ mirror.T) / 2


def share_blinks(moment: Array, blinks: tuple[int, int]) -> Array:
    """(U + 3, U + 3) -> (U + 5, U + 5): the eyelids, the model's second way to blink, take half of it.

    Their sum with the blink units has the moment that was measured; their difference is independent of everything and
    spreads as much, so that a blink is as likely by either.
    """
    n = len(moment)
    spread = np.concatenate([np.eye(n), np.zeros((2, n))])
    apart = np.zeros((n + 2, 2))
    for lid, unit in enumerate(blinks):
        spread[unit, unit] = spread[n + lid, unit] = 0.5
        apart[unit, lid], apart[n + lid, lid] = 0.5, -0.5
    rows = list(blinks)
    return spread @ moment @ spread.T + apart @ moment[np.ix_(rows, rows)] @ apart.T


def _matrix(axis_angle: Array) -> Array:
    return Rotation.from_rotvec(axis_angle).as_matrix()
