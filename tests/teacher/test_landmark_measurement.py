"""Known errors are put on known heads, and found again."""

from __future__ import annotations

import pytest
import torch

from shared.flame.landmark_noise import both_sides
from shared.flame.mediapipe_mesh import mediapipe_mirror
from shared.geometry.face_axes import upright_axes, yaw_of
from shared.geometry.rotation import axis_angle_to_matrix
from teacher.landmark_errors.measurement import LandmarkErrors, measure

PEOPLE, VIEWS, UNIT_M = 30, 8, 0.09
FLIP = torch.tensor([-1.0, 1.0, 1.0])


def symmetric(values: torch.Tensor) -> torch.Tensor:
    return (values + values[mediapipe_mirror()] * FLIP) / 2


@pytest.fixture(scope="module")
def known() -> tuple[LandmarkErrors, torch.Tensor, torch.Tensor]:
    """Errors of a constant offset, one field a person and one a picture; the offset and the person's field (478, 3)."""
    generator = torch.Generator().manual_seed(3)

    def randn(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator)

    offset_m, person = symmetric(0.003 * randn(478, 3)), symmetric(0.02 * randn(478, 3))
    camera = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    yaw = 0.5 * (2 * torch.rand(PEOPLE * VIEWS, generator=generator) - 1)
    turns = torch.stack([0.1 * randn(len(yaw)), yaw, 0.1 * randn(len(yaw))], 1)
    rotation = camera @ axis_angle_to_matrix(turns)
    owner = torch.arange(PEOPLE).repeat_interleave(VIEWS)
    own = offset_m + UNIT_M * randn(PEOPLE)[owner, None, None] * person
    error = torch.einsum("nij,npj->npi", rotation[:, :2], own)
    error[:, :50] += (0.01 * UNIT_M * randn(len(yaw), 1, 2)).expand(-1, 50, -1)  # half a forehead moves as one
    error += 0.004 * UNIT_M * randn(len(yaw), 478, 2)
    facing = torch.ones(len(yaw), 478)
    return LandmarkErrors(error, torch.full((len(yaw),), UNIT_M), facing, rotation, owner), offset_m, person


def test_offsets_are_found(known: tuple[LandmarkErrors, torch.Tensor, torch.Tensor]) -> None:
    errors, offset_m, _ = known
    found = measure(errors)["offset_m"]
    assert (found - offset_m)[:, :2].norm(dim=1).mean() < 0.0006
    assert (offset_m[:, :2]).norm(dim=1).mean() > 0.002


def test_what_is_constant_in_a_person_is_told_from_what_is_not(
    known: tuple[LandmarkErrors, torch.Tensor, torch.Tensor],
) -> None:
    errors, _, person = known
    found = measure(errors)
    first = found["person"][..., 0]
    cosine = torch.nn.functional.cosine_similarity(first[:, :2].flatten(), person[:, :2].flatten(), 0)
    assert cosine.abs() > 0.9
    picture = found["picture"][0]  # at yaw 0
    forehead, rest = picture[:50].square().sum((1, 2)).mean(), picture[60:].square().sum((1, 2)).mean()
    assert forehead > 2 * rest
    assert found["std"][0, 60:].mean() == pytest.approx(0.004, rel=0.3)
    assert both_sides(found).yaw_rad.shape == (5,)


def test_the_axes_of_a_face_turn_with_its_roll() -> None:
    camera = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    roll = camera @ axis_angle_to_matrix(torch.tensor([0.0, 0.0, 0.3]))
    up = upright_axes(roll) @ roll[:2, 1]
    torch.testing.assert_close(up, torch.tensor([0.0, -1.0]))
    left = camera @ axis_angle_to_matrix(torch.tensor([0.0, 0.4, 0.0]))
    assert float(yaw_of(left)) == pytest.approx(0.4)
