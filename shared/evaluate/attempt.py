"""Running a method on a picture: nothing it does ends a run."""

from __future__ import annotations

import time
from dataclasses import dataclass

from shared.evaluate.protocol import Method, Picture, Reconstruction

_LONGEST = 300  # characters of a reason


@dataclass(frozen=True, eq=False)
class Attempt:
    """What a method made of a picture."""

    found: Reconstruction | None
    reason: str  # what it raised; "" where it only found no face
    seconds: float


def attempt(method: Method, picture: Picture) -> Attempt:
    """Run a method; whatever it raises becomes the reason."""
    start = time.perf_counter()
    try:
        found, reason = method(picture), ""
        if not isinstance(found, Reconstruction | None):
            raise TypeError(f"a method returns a Reconstruction or None, not a {type(found).__name__}")
    except Exception as error:
        found, reason = None, describe(error)
    return Attempt(found, reason, round(time.perf_counter() - start, 4))


def describe(error: Exception) -> str:
    """One line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]
