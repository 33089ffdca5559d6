"""Strength of an expression: how far the 68 landmarks of iBUG move from neutral, against how far they truly move.

Motion is taken in the head's frame. A posed face is laid on its own neutral one by points that hardly move with any
expression, the bridge of the nose and the corners of the eyes: on the calibration part of the real heads, the motion
that is left differs from the exact one by 0.6 mm rms (median over expressions), while mouths move by 7. The same is
done with the truth and with the prediction, which is then turned as all 68 neutral points of both lie best.

A region's strength is <predicted, true> / <true, true> over its points, 1 where the expression is as strong as it is:
sums over all pictures of a group, so that strong expressions count more and weak ones do not make it leap. What of
the predicted motion is not along the true one is the rest, in mm rms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from shared.evaluate.faces import FaceMesh, TrueFace
from shared.geometry.meshes import align

REGIONS: dict[str, tuple[int, ...]] = {
    "mouth": tuple(range(48, 68)),
    "jaw": tuple(range(17)),
    "lids": (37, 38, 40, 41, 43, 44, 46, 47),  # without the corners
    "brows": tuple(range(17, 27)),
}
RIGID = (27, 28, 29, 30, 36, 39, 42, 45)  # bridge of the nose, corners of the eyes
MOVES_MM = 1.0  # rms true motion of a region from which its strength is judged
STILL_MM = 0.1  # a picture in which no region truly moves by more is neutral


@dataclass(frozen=True)
class RegionMotion:
    """Sums over the points of a region in one picture, mm^2."""

    points: int
    true: float  # <true, true>
    along: float  # <predicted, true>
    predicted: float  # <predicted, predicted>

    @property
    def moves(self) -> bool:
        """Whether the true motion is large enough to be judged."""
        return self.true >= self.points * MOVES_MM**2

    @property
    def rest(self) -> float:
        """Of the predicted motion, the square of what is at right angles to the true one."""
        return max(0.0, self.predicted - (self.along**2 / self.true if self.true > 0 else 0.0))


def is_neutral(motion: Sequence[RegionMotion]) -> bool:
    """Whether no region of a picture truly moves."""
    return all(one.true < one.points * STILL_MM**2 for one in motion)


def motion_mm(posed_m: Tensor, neutral_m: Tensor) -> Tensor:
    """(68, 3) motion of iBUG's landmarks (68, 3) from neutral, in mm, in the frame of the neutral ones."""
    rows = list(RIGID)
    return 1e3 * (align(posed_m[rows], neutral_m[rows]).apply(posed_m) - neutral_m)


def score_motion(
    posed: FaceMesh, neutral: FaceMesh | None, true_posed: TrueFace, true_neutral: TrueFace | None
) -> dict[str, RegionMotion] | None:
    """Region -> motion; None where one of the four is without the 68 landmarks. Checked faces, float64."""
    if neutral is None or true_neutral is None:
        return None
    predicted, predicted_rest = posed.ibug68_m, neutral.ibug68_m
    true, true_rest = true_posed.ibug68_m, true_neutral.ibug68_m
    if predicted is None or predicted_rest is None or true is None or true_rest is None:
        return None
    true, true_rest = true.double(), true_rest.double()
    turn = align(predicted_rest, true_rest).rotation
    found = motion_mm(predicted, predicted_rest) @ turn.T
    wanted = motion_mm(true, true_rest)
    return {name: _sums(found[list(rows)], wanted[list(rows)]) for name, rows in REGIONS.items()}


def _sums(found: Tensor, wanted: Tensor) -> RegionMotion:
    pairs = ((wanted, wanted), (found, wanted), (found, found))
    return RegionMotion(len(found), *(float((a * b).sum()) for a, b in pairs))
