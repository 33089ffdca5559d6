"""Rotations: values against scipy, derivatives against finite differences, at and near the hard angles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from torch import Tensor

from shared.geometry.rotation import (
    axis_angle_to_matrix,
    left_jacobian,
    matrix_to_axis_angle,
    matrix_to_quaternion,
    matrix_to_rotation_6d,
    nearest_rotation,
    rotation_6d_to_matrix,
    skew,
)

# Zero, both sides of the switch to the series (0.1), ordinary angles, both sides of a half turn, more than one turn.
ANGLES = [0.0, 1e-12, 1e-7, 1e-3, 0.0999, 0.1001, 0.7, 2.0, np.pi - 1e-3, np.pi - 1e-7, np.pi, np.pi + 0.3, 9.0]


def _axes(count: int, seed: int = 0) -> Tensor:
    axes = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(axes, dim=-1)


def _random_rotations(count: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(Rotation.random(count, random_state=seed).as_matrix())


@pytest.mark.parametrize("angle", ANGLES)
def test_exponential_equals_scipy(angle: float) -> None:
    vectors = _axes(20) * angle
    want = Rotation.from_rotvec(vectors.numpy()).as_matrix()
    np.testing.assert_allclose(axis_angle_to_matrix(vectors), want, atol=1e-14)
    np.testing.assert_allclose(axis_angle_to_matrix(vectors.float()), want, atol=2e-6)


@pytest.mark.parametrize("angle", [angle for angle in ANGLES if angle <= np.pi])
def test_logarithm_inverts_the_exponential(angle: float) -> None:
    vectors = _axes(20) * angle
    logarithm = matrix_to_axis_angle(axis_angle_to_matrix(vectors))
    if angle == np.pi:  # both signs of the axis are right
        logarithm = logarithm * (logarithm * vectors).sum(-1, keepdim=True).sign()
    np.testing.assert_allclose(logarithm, vectors, atol=1e-9)


def test_logarithm_of_axis_turns() -> None:
    """Exact half turns about the axes, where quaternion formulas divide by zero if badly chosen."""
    for axis in range(3):
        half_turn = -torch.eye(3, dtype=torch.float64)
        half_turn[axis, axis] = 1
        np.testing.assert_allclose(matrix_to_axis_angle(half_turn).abs(), np.pi * np.eye(3)[axis], atol=1e-12)
    np.testing.assert_array_equal(matrix_to_axis_angle(torch.eye(3)), np.zeros(3))


def test_quaternion_equals_scipy() -> None:
    rotations = _random_rotations(200)
    want = Rotation.from_matrix(rotations.numpy()).as_quat(canonical=True)[:, [3, 0, 1, 2]]
    np.testing.assert_allclose(matrix_to_quaternion(rotations), want, atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 0.0999, 0.1001, 1.0, 3.0, np.pi, 4.0])
@pytest.mark.parametrize("function", [axis_angle_to_matrix, left_jacobian])
def test_gradients_of_the_exponential(function, angle: float) -> None:
    vectors = (_axes(3) * angle).requires_grad_()
    assert torch.autograd.gradcheck(function, vectors, eps=1e-6, atol=1e-7)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 1e-3, 0.5, 3.0, np.pi - 1e-2])
def test_gradients_of_the_logarithm(angle: float) -> None:
    """Along the rotations: a step in the tangent space, since matrices off them have no logarithm."""
    base = axis_angle_to_matrix(_axes(3) * angle)

    def logarithm_beside(step: Tensor) -> Tensor:
        return matrix_to_axis_angle(axis_angle_to_matrix(step) @ base)

    step = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(logarithm_beside, step, eps=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("angle", [0.0, 1e-20, 1e-5, 0.1, np.pi])
def test_gradients_stay_finite(angle: float, dtype: torch.dtype) -> None:
    for axis in [*torch.eye(3), *_axes(3)]:
        vector = (axis.double() * angle).to(dtype).requires_grad_()
        matrix_to_axis_angle(axis_angle_to_matrix(vector)).sum().backward()
        assert vector.grad is not None
        assert torch.isfinite(vector.grad).all(), (axis, vector.grad)
    half_turn = torch.diag(torch.tensor([-1.0, -1.0, 1.0], dtype=dtype)).requires_grad_()
    matrix_to_axis_angle(half_turn).sum().backward()
    assert half_turn.grad is not None
    assert torch.isfinite(half_turn.grad).all()


@pytest.mark.parametrize("angle", [0.0, 1e-6, 0.0999, 0.1001, 1.0, 3.0, 4.0])
def test_left_jacobian_against_finite_differences(angle: float) -> None:
    vectors, step = _axes(10) * angle, 1e-6
    for axis in torch.eye(3, dtype=torch.float64):
        ahead = axis_angle_to_matrix(vectors + step * axis)
        behind = axis_angle_to_matrix(vectors - step * axis)
        measured = matrix_to_axis_angle(ahead @ behind.transpose(-1, -2)) / (2 * step)
        np.testing.assert_allclose(left_jacobian(vectors) @ axis, measured, atol=1e-8)


@pytest.mark.parametrize("angle", [1e-4, 0.03, 0.099, 0.101, 0.5, 3.0])
def test_float32_keeps_its_digits(angle: float) -> None:
    """1 - cos and t - sin cancel in float32."""
    vectors = _axes(50) * angle
    np.testing.assert_allclose(left_jacobian(vectors.float()), left_jacobian(vectors), atol=1e-6)

    def gradient(dtype: torch.dtype) -> Tensor:
        leaf = vectors.to(dtype).requires_grad_()
        (axis_angle_to_matrix(leaf) * _random_rotations(50).to(dtype)).sum().backward()
        assert leaf.grad is not None
        return leaf.grad

    np.testing.assert_allclose(gradient(torch.float32), gradient(torch.float64), atol=5e-6)


def test_skew_is_the_cross_product() -> None:
    a, b = _axes(5, 1), _axes(5, 2)
    np.testing.assert_allclose((skew(a) @ b[..., None]).squeeze(-1), torch.linalg.cross(a, b), atol=1e-15)


def test_6d_round_trip_and_freedom_of_scale() -> None:
    rotations = _random_rotations(50)
    six = matrix_to_rotation_6d(rotations)
    np.testing.assert_array_equal(six[:, :3], rotations[:, :, 0])
    np.testing.assert_allclose(rotation_6d_to_matrix(six), rotations, atol=1e-14)
    sheared = torch.cat([3 * six[:, :3], 0.5 * six[:, 3:] - 2 * six[:, :3]], -1)
    np.testing.assert_allclose(rotation_6d_to_matrix(sheared), rotations, atol=1e-13)
    assert torch.autograd.gradcheck(rotation_6d_to_matrix, six[:3].clone().requires_grad_())


def test_nearest_rotation_is_the_nearest() -> None:
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randn(20, 3, 3, generator=generator, dtype=torch.float64)  # about half of them mirror
    nearest = nearest_rotation(matrices)
    np.testing.assert_allclose(torch.linalg.det(nearest), 1, atol=1e-12)
    np.testing.assert_allclose(nearest @ nearest.transpose(-1, -2), np.tile(np.eye(3), (20, 1, 1)), atol=1e-12)
    best = (nearest - matrices).flatten(1).norm(dim=1)
    others = (_random_rotations(2000)[:, None] - matrices).flatten(2).norm(dim=2)
    assert (best <= others.amin(0)).all()
    beside = axis_angle_to_matrix(_axes(100)[:, None] * 1e-3) @ nearest
    assert (best <= (beside - matrices).flatten(2).norm(dim=2).amin(0)).all()
    np.testing.assert_allclose(nearest_rotation(_random_rotations(5)), _random_rotations(5), atol=1e-13)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=3, max_size=3))
def test_any_vector_gives_a_rotation_whose_logarithm_gives_it_back(vector: list[float]) -> None:
    rotation = axis_angle_to_matrix(torch.tensor(vector, dtype=torch.float64))
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    logarithm = matrix_to_axis_angle(rotation)
    assert logarithm.norm() <= np.pi + 1e-12
    np.testing.assert_allclose(axis_angle_to_matrix(logarithm), rotation, atol=1e-7)
