"""Colours where the errors are."""

from __future__ import annotations

import numpy as np
import torch

from shared.evaluate.faces import evaluation_skin, skin_samples
from shared.evaluate.heat_maps import LIMIT_MM, HeatPainter, colours
from tests.evaluate.plain_set import model


def painter() -> HeatPainter:
    return HeatPainter(model().assets, skin_samples(model().assets))


def test_an_even_error_is_even_on_all_skin_and_nowhere_else() -> None:
    heat = painter()
    value, known = heat.at_vertices(torch.full((10_000,), 2.5)).T
    skin = evaluation_skin(model().assets)
    inside = skin[model().faces].all(1)
    covered = torch.zeros(len(skin), dtype=torch.bool)
    covered[model().faces[inside].reshape(-1)] = True
    assert known[covered].mean() > 0.995
    assert torch.allclose(value[known > 0], torch.tensor(2.5))
    assert not known[~skin].any()


def test_errors_stay_where_they_are() -> None:
    heat = painter()
    places = heat.samples.positions(model().assets.v_template, model().faces)
    left = places[:, 0] > 0
    value, known = heat.at_vertices(torch.where(left, 3.0, 1.0)).T
    x = model().assets.v_template[:, 0]
    assert value[(x > 0.02) & (known > 0)].min() > 2.9
    assert value[(x < -0.02) & (known > 0)].max() < 1.1


def test_views_show_the_colour_of_the_error() -> None:
    heat = painter()
    views = heat.views(torch.full((10_000,), LIMIT_MM / 2), side=120)
    assert views.shape == (120, 360, 4)
    assert views[0, 0, 3] == 0
    cheek = views[70, 50, :3] / views[70, 50, :3].max()
    expected = colours(np.array([0.5]))[0]
    assert np.abs(cheek - expected / expected.max()).max() < 0.03
    assert (heat.views(torch.full((10_000,), 9 * LIMIT_MM), side=120)[70, 50, :2] > 120).all()  # yellow: at the limit
