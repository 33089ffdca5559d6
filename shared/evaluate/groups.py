"""By what the results are split: pose, expression, occlusion, skin tone, kind of picture."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Facts = Mapping[str, Any]  # what is known of a picture: JSON values


@dataclass(frozen=True)
class Dimension:
    """One way to split."""

    name: str  # with the unit
    labels: tuple[str, ...]  # of the groups, in order; labels that are not among them come after these
    label_of: Callable[[Facts], str]


def ranges(name: str, edges: tuple[float, ...], value: Callable[[Facts], float]) -> Dimension:
    """Half-open ranges between the edges; what lies beyond the last edge is a group of its own."""
    labels = (*(f"{low:g} to {high:g}" for low, high in pairwise(edges)), f"over {edges[-1]:g}")
    return Dimension(name, labels, lambda facts: labels[max(0, bisect_right(edges, value(facts)) - 1)])


def named(name: str, key: str, labels: tuple[str, ...] = ()) -> Dimension:
    """Groups of equal values of one fact."""
    return Dimension(name, labels, lambda facts: str(facts[key]))


# Chardon et al. 1991, as skin research names them; the lower limits.
_TONES = (
    (55.0, "very light"),
    (41.0, "light"),
    (28.0, "intermediate"),
    (10.0, "tan"),
    (-30.0, "brown"),
    (-math.inf, "dark"),
)


def _tone(facts: Facts) -> str:
    return next(name for limit, name in _TONES if facts["skin_tone_deg"] > limit or limit == -math.inf)


YAW = ranges("yaw, degrees", (0.0, 20.0, 40.0, 60.0), lambda facts: abs(facts["yaw_deg"]))
PORTRAIT_DIMENSIONS = (  # of rendered portraits, by the facts of `PortraitFacts`
    named("kind", "kind", ("neutral", "posed", "profile", "occluded")),
    YAW,
    ranges("expression, mm", (0.0, 0.5, 1.5, 3.0), lambda facts: facts["expression_mm"]),
    ranges("occluded, %", (0.0, 2.0, 10.0, 25.0), lambda facts: 100 * facts["occluded"]),
    Dimension("skin tone", tuple(name for _, name in _TONES), _tone),
)
