"""Strength of expression over many pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shared.evaluate.intervals import Estimate, Ratio, estimates
from shared.evaluate.motion import REGIONS, RegionMotion, is_neutral
from shared.evaluate.rows import Row


@dataclass(frozen=True)
class RegionStrength:
    """One region over the pictures of a group. None where no picture says it."""

    moving: int  # pictures in which the region truly moves
    strength: Estimate | None  # 1: as strong as it truly is
    rest_mm: Estimate | None  # rms motion of these pictures that is not along the true one
    still: int  # pictures of a neutral face
    still_mm: Estimate | None  # rms motion of these, which should be none


def strength_ratio(motions: Sequence[RegionMotion | None]) -> Ratio:
    """<predicted, true> / <true, true> over pictures; those in which the region does not move take no part."""
    moving = [one if one is not None and one.moves else None for one in motions]
    return Ratio([one.along if one else 0.0 for one in moving], [one.true if one else 0.0 for one in moving])


def strengths(rows: Sequence[Row]) -> dict[str, RegionStrength]:
    """By region, of the pictures whose motion is known; empty if there are none."""
    known = [(row.person, row.motions()) for row in rows if row.motion]
    if not known:
        return {}
    people = [person for person, _ in known]
    neutral = [is_neutral(list(motions.values())) for _, motions in known]
    ratios: dict[str, Ratio] = {}
    for name in REGIONS:
        motions = [one[name] for _, one in known]
        moving = [one.moves for one in motions]
        ratios[f"{name} strength"] = strength_ratio(motions)
        ratios[f"{name} rest"] = _mean_square([one.rest for one in motions], motions, moving)
        ratios[f"{name} still"] = _mean_square([one.predicted for one in motions], motions, neutral)
    found = estimates(people, ratios)
    return {
        name: RegionStrength(
            moving=sum(one[name].moves for _, one in known),
            strength=found.get(f"{name} strength"),
            rest_mm=_root(found.get(f"{name} rest")),
            still=sum(neutral),
            still_mm=_root(found.get(f"{name} still")),
        )
        for name in REGIONS
    }


def _mean_square(squares: Sequence[float], motions: Sequence[RegionMotion], taken: Sequence[bool]) -> Ratio:
    top = [square * take for square, take in zip(squares, taken, strict=True)]
    return Ratio(top, [float(one.points * take) for one, take in zip(motions, taken, strict=True)])


def _root(square: Estimate | None) -> Estimate | None:
    if square is None:
        return None
    low_high = None if square.interval is None else (math.sqrt(square.interval[0]), math.sqrt(square.interval[1]))
    return Estimate(math.sqrt(square.value), low_high)
