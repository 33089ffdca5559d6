"""What a method may return, and what becomes of the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from shared.evaluate.protocol import Picture, Reconstruction, attempt
from tests.evaluate import plain_set

PICTURE = Picture("0", np.zeros((4, 4, 3), np.uint8), None)
GOOD = plain_set.reconstruct(PICTURE)


def test_arrays_will_do() -> None:
    def arrays(picture: Picture) -> Reconstruction:
        posed: Any = replace(GOOD.posed, **{name: value.numpy() for name, value in vars(GOOD.posed).items()})
        points: Any = np.asarray(GOOD.landmarks_px)
        return Reconstruction(replace(posed, faces=posed.faces.astype(np.int32)), landmarks_px=points)

    tried = attempt(arrays, PICTURE)
    assert tried.reason == ""
    assert tried.found is not None
    assert tried.found.posed.verts_m.dtype == torch.float64
    assert torch.equal(tried.found.posed.faces, GOOD.posed.faces)


@pytest.mark.parametrize(
    ("give", "reason"),
    [
        (lambda: {"verts": 1}, "TypeError: a method returns a Reconstruction or None, not a dict"),
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: replace(GOOD, posed=None), "AttributeError"),
        (lambda: replace(GOOD, landmarks_px=torch.zeros(68, 2)), r"landmarks_px must be \(478, 2\), got \(68, 2\)"),
        (lambda: replace(GOOD, landmarks_px=torch.full((478, 2), torch.nan)), "landmarks_px: 478 of 478 not finite"),
        (
            lambda: replace(GOOD, neutral=replace(GOOD.posed, verts_m=GOOD.posed.verts_m * torch.inf)),
            "the neutral mesh: 5351 of 5351 vertices not finite",
        ),
    ],
)
def test_what_cannot_be_judged_says_why(give: Callable[[], Any], reason: str) -> None:
    tried = attempt(lambda picture: give(), PICTURE)
    assert tried.found is None
    assert re.search(reason, tried.reason)
