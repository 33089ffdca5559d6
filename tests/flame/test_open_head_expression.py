"""Face units and the prior on expressions of the open head."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.mirror_codes import mirror_of_codes
from shared.flame.model import FlameModel
from shared.flame.schema import FlameAssets

MM = 1e-3
LIP_PAIRS = ((13, 14), (82, 87), (312, 317))  # upper and lower rim, MediaPipe's numbers
LID_PAIRS = {"right": ((159, 145), (158, 153), (160, 144)), "left": ((386, 374), (385, 380), (387, 373))}


@pytest.fixture(scope="module")
def head() -> FlameAssets:
    return load_flame()


@pytest.fixture(scope="module")
def model(head: FlameAssets) -> FlameModel:
    return FlameModel(head)


@pytest.fixture(scope="module")
def prior(head: FlameAssets) -> Tensor:
    assert head.expression_prior is not None
    return head.expression_prior.covariance.double()


def points(model: FlameModel, units: dict[str, float], **fields: Tensor) -> np.ndarray:
    """(478, 3) MediaPipe's points with ARKit's units and other parameters set."""
    assets = model.assets
    assert assets.arkit is not None
    activation = torch.zeros(52)
    for name, value in units.items():
        activation[assets.arkit.names.index(name)] = value
    params = dataclasses.replace(
        model.neutral_params(), expression=assets.arkit.expression @ activation, jaw=assets.arkit.jaw @ activation
    )
    verts = model(dataclasses.replace(params, **fields)).verts_m
    return assets.landmarks["mediapipe"].positions(verts, assets.faces).double().numpy()


def arkit_names(head: FlameAssets) -> tuple[str, ...]:
    assert head.arkit is not None
    return head.arkit.names


def test_arkit_control_round_trip(head: FlameAssets) -> None:
    """Every unit is in the span and none is another's copy: activations come back from the expression."""
    assert head.arkit is not None
    rows = [i for i, name in enumerate(head.arkit.names) if name != "jawOpen"]  # which is the joint's
    matrix = head.arkit.expression[:, rows].double()
    activation = torch.rand(51, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(torch.linalg.pinv(matrix) @ (matrix @ activation), activation, atol=1e-3, rtol=0)


def test_units_are_mirror_images(head: FlameAssets) -> None:
    assert head.arkit is not None
    assert head.mirror is not None
    motion = torch.einsum("vke,eu->vku", head.expressiondirs.double(), head.arkit.expression.double())
    for column, name in enumerate(head.arkit.names):
        other = name.replace("Left", "Rite").replace("Right", "Left").replace("Rite", "Right")
        partner = motion[head.mirror, :, head.arkit.names.index(other)] * torch.tensor([-1.0, 1, 1])
        assert (motion[..., column] - partner).abs().max() < 0.05 * MM, name


def test_prior_is_a_covariance_alike_on_both_sides(head: FlameAssets, model: FlameModel, prior: Tensor) -> None:
    e = head.n_expression
    assert prior.shape == (e + 5, e + 5)
    torch.testing.assert_close(prior, prior.T, atol=1e-6, rtol=0)
    torch.testing.assert_close(prior[:e, :e], torch.eye(e, dtype=torch.float64), atol=2e-3, rtol=0)
    values = torch.linalg.eigvalsh(prior)
    assert values[0] > 1e-6
    assert head.mirror is not None
    mirror = mirror_of_codes(model, head.mirror)
    assert mirror is not None
    swap = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    whole = torch.block_diag(mirror[head.n_shape :, head.n_shape :], swap).double()
    torch.testing.assert_close(whole @ prior @ whole.T, prior, atol=0.02, rtol=0)


def test_faces_people_make_are_likely(head: FlameAssets, prior: Tensor) -> None:
    """Squared Mahalanobis distance, whose mean is the dimension (90) for draws."""
    assert head.arkit is not None
    names = head.arkit.names
    for units in (
        {"mouthSmileLeft": 0.9, "mouthSmileRight": 0.9, "cheekSquintLeft": 0.5, "cheekSquintRight": 0.5},
        {"jawOpen": 0.8},
        {"mouthPucker": 0.95},
        {"browInnerUp": 0.8, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8},
        {"browDownLeft": 0.9, "browDownRight": 0.9},
        {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
        {"mouthFrownLeft": 0.85, "mouthFrownRight": 0.85},
    ):
        activation = torch.zeros(52, dtype=torch.float64)
        for name, amount in units.items():
            activation[names.index(name)] = amount
        expression, jaw = head.arkit.expression.double() @ activation, head.arkit.jaw.double() @ activation
        vector = torch.cat([expression, jaw, torch.zeros(2, dtype=torch.float64)])
        assert vector @ torch.linalg.solve(prior, vector) < len(prior), units


@pytest.mark.parametrize("side", ["left", "right"])
def test_lids_shut(model: FlameModel, side: str) -> None:
    def gap(at: np.ndarray, which: str) -> float:
        return float(np.mean([abs(at[a, 1] - at[b, 1]) for a, b in LID_PAIRS[which]]))

    other = "right" if side == "left" else "left"
    opened = points(model, {})
    shut = torch.tensor([1.0, 0.0]) if side == "left" else torch.tensor([0.0, 1.0])
    for closed in (points(model, {f"eyeBlink{side.title()}": 1.0}), points(model, {}, eyelids=shut)):
        assert gap(closed, side) < 0.6 * MM
        assert abs(gap(closed, other) - gap(opened, other)) < 0.3 * MM


def test_lips_do_not_cross(head: FlameAssets, model: FlameModel) -> None:
    assert max(np.linalg.norm(np.diff(points(model, {})[list(pair)], axis=0)) for pair in LIP_PAIRS) < 0.3 * MM
    for name in arkit_names(head):
        units = {name: 1.0, "jawOpen": 1.0} if name == "mouthClose" else {name: 1.0}
        at = points(model, units)
        for upper, lower in LIP_PAIRS:
            apart = at[upper] - at[lower]
            # A rolled lip goes behind the other one, a shrugged one in front of it, as they do in scans.
            assert apart[1] > -1.5 * MM or abs(apart[2]) > -0.8 * apart[1], name


def test_units_move_the_face_as_their_names_say(model: FlameModel) -> None:
    neutral = points(model, {})

    def moved(name: str, point: int, axis: int) -> float:
        return float((points(model, {name: 1.0}) - neutral)[point, axis] / MM)

    def gap(name: str) -> float:
        at = points(model, {name: 1.0})
        return float((at[13, 1] - at[14, 1]) / MM)

    assert moved("mouthPucker", 291, 0) < -5  # the left corner inwards
    assert moved("mouthPucker", 13, 2) > 3  # the lips forward
    assert moved("mouthFrownLeft", 291, 1) < -2
    assert moved("mouthSmileLeft", 291, 1) > 5
    assert moved("browOuterUpLeft", 334, 1) > 4
    assert moved("browInnerUp", 336, 1) > 2
    assert moved("browDownLeft", 336, 1) < -2
    assert gap("mouthFunnel") > 3
    assert moved("mouthLeft", 13, 0) > 8
