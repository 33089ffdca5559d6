"""Spherical-harmonics light against brute-force integrals."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from shared.render.maps import RenderedMaps
from shared.render.shading import ambient_light, directional_light, irradiance, render_head, sh_basis, shade
from tests.render.scenes import camera, sphere


def directions(n: int = 300) -> tuple[Tensor, Tensor]:
    """A quadrature of the sphere: unit directions (M, 3) and their solid angles (M,)."""
    polar = (torch.arange(n, dtype=torch.float64) + 0.5) * math.pi / n
    around = (torch.arange(2 * n, dtype=torch.float64) + 0.5) * math.pi / n
    p, a = torch.meshgrid(polar, around, indexing="ij")
    unit = torch.stack([p.sin() * a.cos(), p.sin() * a.sin(), p.cos()], -1)
    return unit.reshape(-1, 3), (p.sin() * (math.pi / n) ** 2).reshape(-1)


def normals(n: int) -> Tensor:
    raw = torch.randn(n, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.nn.functional.normalize(raw, dim=-1)


def test_basis_is_orthonormal() -> None:
    unit, solid_angle = directions()
    basis = sh_basis(unit)
    assert (basis.T @ (basis * solid_angle[:, None]) - torch.eye(9)).abs().max() < 1e-4


def test_irradiance_is_the_integral_of_the_light() -> None:
    unit, solid_angle = directions()
    light = torch.randn(9, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    light[0] += 12  # radiance is positive
    radiance = sh_basis(unit) @ light
    assert radiance.min() > 0
    cosine = (normals(20) @ unit.T).clamp_min(0)
    want = cosine @ (radiance * solid_angle[:, None])
    assert torch.allclose(irradiance(normals(20), light), want, rtol=1e-3)


def test_nine_terms_of_any_light_come_close() -> None:
    """A window of light, not band-limited: the paper's point is that the error stays small."""
    unit, solid_angle = directions()
    radiance = ((unit[:, 0] > 0.2) & (unit[:, 1] < 0.3)).double()[:, None]
    light = sh_basis(unit).T @ (radiance * solid_angle[:, None])
    want = (normals(200) @ unit.T).clamp_min(0) @ (radiance * solid_angle[:, None])
    assert (irradiance(normals(200), light) - want).abs().max() < 0.07 * want.max()


def test_directional_light_is_strongest_towards_it() -> None:
    toward = normals(1)
    light = directional_light(toward[0], torch.tensor([1.0, 2, 0.5], dtype=torch.float64))
    assert torch.allclose(irradiance(toward, light), torch.tensor([[1.0, 2, 0.5]], dtype=torch.float64))
    others = irradiance(normals(50), light)
    assert (others <= 1.0001 * irradiance(toward, light)).all()
    assert others.min() >= 0


def test_white_under_ambient_light_shows_the_radiance() -> None:
    radiance = torch.tensor([0.2, 0.5, 0.9])
    normal = torch.nn.functional.normalize(torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(2)), dim=0)
    drawn = shade(torch.ones(3, 5, 7), normal, ambient_light(radiance))
    assert torch.allclose(drawn, radiance[:, None, None].expand(3, 5, 7), atol=1e-6)


def test_gradients_reach_albedo_normals_and_light() -> None:
    generator = torch.Generator().manual_seed(3)
    albedo = torch.rand(2, 3, 2, 2, generator=generator, dtype=torch.float64)
    normal = torch.nn.functional.normalize(torch.randn(2, 3, 2, 2, generator=generator, dtype=torch.float64), dim=1)
    light = torch.randn(2, 9, 3, generator=generator, dtype=torch.float64)
    light[:, 0] += 10  # away from the clamp
    inputs = tuple(tensor.requires_grad_() for tensor in (albedo, normal, light))
    assert torch.autograd.gradcheck(shade, inputs)


@pytest.mark.parametrize("per_corner", [False, True])
def test_a_sphere_is_bright_towards_the_light(per_corner: bool) -> None:
    verts, faces = sphere(20, 0.3)
    verts = verts - torch.tensor([0.0, 0, 1])
    view = camera((40, 50), 60.0)
    light = ambient_light(torch.full((3,), 0.1)) + directional_light(torch.tensor([-1.0, 0, 0]), torch.full((3,), 2.0))
    colour = torch.tensor([0.8, 0.5, 0.2])
    albedo = colour.expand(len(faces), 3, 3) if per_corner else colour.expand(len(verts), 3)
    image, maps = render_head(verts, faces, view, albedo, light, background=torch.tensor([0.0, 0, 1]))
    assert isinstance(maps, RenderedMaps)
    assert torch.equal(image[:, 0, 0], torch.tensor([0.0, 0, 1]))
    left, right = image[:, 20, 12], image[:, 20, 38]  # the light comes from the left of the picture
    assert (left > 3 * right).all()
    assert torch.allclose(left / left[0], colour / colour[0], atol=1e-4)
