"""The mirror image of a head, in codes."""

from __future__ import annotations

from dataclasses import replace

import torch

from shared.flame.assets import load_flame
from shared.flame.mirror_codes import mirror_of_codes
from shared.flame.model import FlameModel


def test_the_mirror_image_is_that_of_the_surface() -> None:
    model = FlameModel(load_flame())
    partners = model.assets.mirror
    assert partners is not None
    codes = mirror_of_codes(model, partners)
    assert codes is not None
    torch.testing.assert_close(codes @ codes, torch.eye(len(codes)), atol=0.02, rtol=0)
    generator = torch.Generator().manual_seed(2)
    head = replace(
        model.neutral_params(1),
        shape=0.8 * torch.randn(1, model.n_shape, generator=generator),
        expression=0.5 * torch.randn(1, model.n_expression, generator=generator),
        jaw=torch.tensor([[0.2, 0.05, -0.03]]),
    )
    other = torch.cat([head.shape, head.expression, head.jaw], 1) @ codes.T
    shape, expression, jaw = other.split([model.n_shape, model.n_expression, 3], 1)
    wanted = model(head).verts_m[:, partners] * torch.tensor([-1.0, 1.0, 1.0])
    found = model(replace(head, shape=shape, expression=expression, jaw=jaw)).verts_m
    face = model.assets.region("face")
    assert (found - wanted)[:, face].norm(dim=-1).max() < 5e-4


def test_a_model_that_cannot_show_its_mirror_image_says_so() -> None:
    model = FlameModel(load_flame())
    shifted = torch.arange(len(model.assets.v_template)).roll(1)
    assert mirror_of_codes(model, shifted) is None
