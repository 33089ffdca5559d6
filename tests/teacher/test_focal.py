"""The search for a focal length."""

from __future__ import annotations

import torch

from teacher.focal import parabola_minimum


def test_the_minimum_of_a_parabola_is_found_between_the_places() -> None:
    places = torch.linspace(0, 5, 6)
    tops = torch.tensor([2.3, 0.8, 3.5])
    values = (places - tops[:, None]) ** 2
    torch.testing.assert_close(parabola_minimum(places, values), tops)


def test_an_end_of_the_range_stays() -> None:
    places = torch.linspace(0, 5, 6)
    torch.testing.assert_close(parabola_minimum(places, torch.stack([places, -places])), torch.tensor([0.0, 5.0]))
