"""Blendshapes as evidence, and a basis in which every unit of a face has its place."""

from __future__ import annotations

import pytest
import torch

from shared.flame.arkit_units import unit_readings
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.landmarker.blendshapes import BLENDSHAPE_NAMES
from shared.records.tensor_record import stack
from teacher.config import FitConfig
from teacher.evidence.records import FaceEvidence
from teacher.fitting.fitter import HeadFitter
from teacher.residuals.robust import PseudoHuber
from teacher.residuals.units import UnitTerm

BY_JOINTS = ("jawOpen", "tongueOut")  # of the jaw alone, and inside the mouth where no landmark sees it


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


@pytest.fixture(scope="module")
def fitter(model: FlameModel) -> HeadFitter:
    return HeadFitter(model, FitConfig())


def test_every_unit_is_in_the_basis(model: FlameModel, fitter: HeadFitter) -> None:
    arkit = model.assets.arkit
    assert arkit is not None
    kept = (fitter.basis.expression.T @ arkit.expression).norm(dim=0)
    for name, share, size in zip(arkit.names, kept, arkit.expression.norm(dim=0), strict=True):
        assert name in BY_JOINTS or share > 0.9 * size, name
    left, right = (arkit.expression[:, arkit.names.index(f"eyeBlink{side}")] for side in ("Left", "Right"))
    wink = left - right
    assert (fitter.basis.expression.T @ wink).norm() > 0.9 * wink.norm()


def test_a_unit_reads_one_at_its_own_activation(model: FlameModel) -> None:
    arkit = model.assets.arkit
    assert arkit is not None
    units = torch.cat([arkit.expression, arkit.jaw, torch.zeros(2, len(arkit.names))])
    reading = (unit_readings(model) @ units).diagonal()
    expected = torch.tensor([0.0 if name == "tongueOut" else 1.0 for name in arkit.names])
    torch.testing.assert_close(reading, expected, atol=1e-3, rtol=0)


def test_jacobian_of_unit_readings() -> None:
    generator = torch.Generator().manual_seed(0)
    readings = torch.randn(2, 4, 6 + 5, generator=generator).double()
    std = torch.tensor([[0.1, 0.2, 0.3, torch.inf]]).double().expand(2, -1)
    term = UnitTerm(readings, PseudoHuber(1e9), torch.randn(2, 4, generator=generator).double(), std)
    sizes = {"expression": 6, "jaw": 3, "eyelids": 2}
    values = {n: torch.randn(2, d, generator=generator).double().requires_grad_() for n, d in sizes.items()}
    gradient = torch.autograd.grad(term.energy(values).sum(), list(values.values()))
    linear = term.linearise({n: v.detach() for n, v in values.items()})
    for name, expected in zip(sizes, gradient, strict=True):
        found = (linear.jacobian[name].transpose(1, 2) @ linear.residual[..., None])[..., 0]
        torch.testing.assert_close(found, expected)


def test_a_blink_that_the_blendshapes_read_pulls_at_the_lids(model: FlameModel, fitter: HeadFitter) -> None:
    camera = Camera.at_origin(torch.tensor(1200.0), (512, 512))
    camera = stack([camera, camera])
    at_rest = fitter.landmarks.points.rest_positions() + torch.tensor([0.0, 0.0, -0.6])
    points = camera.project(at_rest.expand(2, -1, -1))
    blendshapes = torch.full((2, 52), torch.nan)
    units = fitter.units
    assert units is not None
    response, names = units.response, [BLENDSHAPE_NAMES[int(unit)] for unit in units.response.unit]
    for row, wanted in enumerate((0.0, 1.0)):
        for unit, name in enumerate(names):
            if name.startswith("eyeBlink"):
                value = response.base[unit] + wanted * response.slope[unit]
                blendshapes[row, response.unit[unit]] = value
    found = fitter.fit(FaceEvidence(points, camera, blendshapes=blendshapes)).params
    moved = torch.cat([found.expression, found.jaw, found.eyelids], 1)
    arkit = model.assets.arkit
    assert arkit is not None
    shut = (moved @ unit_readings(model).T)[:, arkit.names.index("eyeBlinkLeft")]
    assert abs(shut[0]) < 0.1  # landmarks and blendshapes agree on open eyes
    assert shut[1] - shut[0] > 0.02  # landmarks at rest outweigh them, but not wholly
