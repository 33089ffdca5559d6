"""The mirror of the texture, the vertices and the landmarks."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.schema import FlameAssets
from teacher.prior.geometry.mirror import Mirror
from teacher.prior.geometry.surface import HeadSurface


def corners(assets: FlameAssets) -> tuple[Tensor, Tensor]:
    """UV and points at the middles of the faces, (F, 2) and (F, 3)."""
    return assets.uv[assets.uv_faces].mean(1), assets.v_template[assets.faces].mean(1)


def as_map(uv: Tensor) -> Tensor:
    """(P, 2) -> (2, 1, P)."""
    return uv.T[:, None]


def worst_mm(assets: FlameAssets, quantile: float) -> Tensor:
    """How far mirrored UV leads from the mirrored point, outside the eyeballs, whose charts are cut behind."""
    uv, points = corners(assets)
    there = HeadSurface.of(assets).points_m(Mirror.of(assets).uv(as_map(uv))[:, 0].T)
    error_mm = 1e3 * (there * torch.tensor([-1.0, 1.0, 1.0]) - points).norm(dim=-1)
    eyes = assets.region("eyes")[assets.faces].any(1)
    return error_mm[~eyes].quantile(quantile)


def test_open_head_is_mirrored_to_half_a_millimetre() -> None:
    assert worst_mm(load_flame(), 0.5) < 0.02
    assert worst_mm(load_flame(), 0.99) < 0.5


def test_face_of_the_open_head_is_symmetric_about_the_middle() -> None:
    assets = load_flame()
    rows = assets.region("face")[assets.faces].all(1)
    uv = corners(assets)[0][rows]
    mirrored = Mirror.of(assets).uv(as_map(uv))[:, 0].T
    assert torch.allclose(mirrored, uv * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0]), atol=1e-5)


def test_layouts_that_are_off_centre_or_uneven_work() -> None:
    """FLAME's midline lies at u = 0.496, and its halves are only nearly alike."""
    assets = load_flame()
    u, v = assets.uv.unbind(1)
    warped = torch.stack([0.98 * u + 0.006 + 0.003 * torch.sin(9 * v), v + 0.003 * torch.sin(7 * u)], 1).clamp(0, 1)
    assert worst_mm(replace(assets, uv=warped), 0.5) < 0.05
    assert worst_mm(replace(assets, uv=warped), 0.99) < 0.8


def test_twice_mirrored_is_the_map_itself_and_gradients_pass() -> None:
    assets = load_flame()
    mirror = Mirror.of(assets)
    maps = as_map(corners(assets)[0]).expand(2, 3, 2, 1, -1).clone().requires_grad_()
    once = mirror.uv(maps)
    assert once.shape == maps.shape
    back = mirror.uv(once)
    assert (back - maps).abs().flatten().quantile(0.99) < 1e-4
    (gradient,) = torch.autograd.grad(once.sum(), maps)
    assert (gradient[:, :, 0] == -1).all()
    assert (gradient[:, :, 1] == 1).all()


def test_partners_of_chosen_vertices() -> None:
    assets = load_flame()
    mirror = Mirror.of(assets)
    some = torch.tensor([17, 400, 2000])
    chosen = torch.cat([mirror.partners[some], some])
    rows = mirror.points(chosen)
    assert torch.equal(chosen[rows], mirror.partners[chosen])
    assert torch.equal(rows[rows], torch.arange(len(chosen)))
    lone = (mirror.partners != torch.arange(assets.n_vertices)).nonzero()[:1, 0]
    with pytest.raises(ValueError, match="partner"):
        mirror.points(lone)


def test_head_without_symmetry_is_refused() -> None:
    with pytest.raises(ValueError, match="not symmetric"):
        Mirror.of(replace(load_flame(), mirror=None))
