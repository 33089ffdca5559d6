"""Rotations: axis-angle, matrices and 6D, with values and derivatives safe at zero.

Matrices act on column vectors. Axis-angle vectors are in radians and may have any length; `matrix_to_axis_angle`
returns angles in [0, pi].
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Below this squared angle the trigonometric factors are replaced by their series, whose first left-out term is under
# 1e-16 of the value. It keeps gradients finite at exactly zero, and float32 exact where 1 - cos cancels.
_SMALL_ANGLE_SQ = 1e-2
# (5, 3) coefficients of t^0, t^2, ... of sin(t)/t, (1 - cos(t))/t^2 and (t - sin(t))/t^3.
_SERIES = torch.tensor(
    [[(-1) ** k / math.factorial(2 * k + n) for n in (1, 2, 3)] for k in range(5)], dtype=torch.float64
)


def skew(vector: Tensor) -> Tensor:
    """Cross-product matrix: ``skew(a) @ b == cross(a, b)``. (..., 3) -> (..., 3, 3)."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))


def _trigonometric_factors(angle_sq: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """sin(t)/t, (1 - cos(t))/t^2 and (t - sin(t))/t^3 as smooth functions of t^2."""
    small = angle_sq < _SMALL_ANGLE_SQ
    angle = torch.where(small, 1.0, angle_sq).sqrt()
    sine, cosine = angle.sin(), angle.cos()
    exact = torch.stack([sine / angle, (1 - cosine) / angle**2, (angle - sine) / angle**3], -1)
    *lower, series = _SERIES.to(angle_sq)
    for coefficients in reversed(lower):
        series = series * angle_sq[..., None] + coefficients
    return torch.where(small[..., None], series, exact).unbind(-1)  # type: ignore[return-value]


def axis_angle_to_matrix(axis_angle: Tensor) -> Tensor:
    """Rodrigues' formula. (..., 3) radians -> (..., 3, 3)."""
    a, b, _ = _trigonometric_factors((axis_angle**2).sum(-1))
    k = skew(axis_angle)
    eye = torch.eye(3, dtype=k.dtype, device=k.device)
    return eye + a[..., None, None] * k + b[..., None, None] * (k @ k)


def left_jacobian(axis_angle: Tensor) -> Tensor:
    """J_l with ``exp(a + da) = exp(J_l(a) da) exp(a)`` to first order. (..., 3) -> (..., 3, 3).

    Sola et al., "A micro Lie theory for state estimation in robotics", Eq. 145.
    """
    _, b, c = _trigonometric_factors((axis_angle**2).sum(-1))
    k = skew(axis_angle)
    eye = torch.eye(3, dtype=k.dtype, device=k.device)
    return eye + b[..., None, None] * k + c[..., None, None] * (k @ k)


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """Unit quaternion (w, x, y, z) with w >= 0. (..., 3, 3) -> (..., 4).

    The four classical formulas are evaluated and the best-conditioned one is taken (Markley 2008).
    """
    m00, m11, m22 = matrix[..., 0, 0], matrix[..., 1, 1], matrix[..., 2, 2]
    wx, wy, wz = (
        matrix[..., 2, 1] - matrix[..., 1, 2],
        matrix[..., 0, 2] - matrix[..., 2, 0],
        matrix[..., 1, 0] - matrix[..., 0, 1],
    )
    xy = matrix[..., 0, 1] + matrix[..., 1, 0]
    xz = matrix[..., 0, 2] + matrix[..., 2, 0]
    yz = matrix[..., 1, 2] + matrix[..., 2, 1]
    candidates = torch.stack(
        [
            torch.stack([1 + m00 + m11 + m22, wx, wy, wz], -1),
            torch.stack([wx, 1 + m00 - m11 - m22, xy, xz], -1),
            torch.stack([wy, xy, 1 - m00 + m11 - m22, yz], -1),
            torch.stack([wz, xz, yz, 1 - m00 - m11 + m22], -1),
        ],
        -2,
    )
    best = torch.diagonal(candidates, dim1=-2, dim2=-1).argmax(-1)
    chosen = candidates.gather(-2, best[..., None, None].expand(*best.shape, 1, 4)).squeeze(-2)
    unit = chosen / chosen.norm(dim=-1, keepdim=True)
    return torch.where(unit[..., :1] < 0, -unit, unit)


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """Logarithm of a rotation, finite everywhere. (..., 3, 3) -> (..., 3) radians, length in [0, pi]."""
    quaternion = matrix_to_quaternion(matrix)
    w, xyz = quaternion[..., :1], quaternion[..., 1:]
    sine_sq = (xyz**2).sum(-1, keepdim=True)
    small = sine_sq < 1e-8
    sine = torch.where(small, torch.ones_like(sine_sq), sine_sq).sqrt()
    exact = 2 * torch.atan2(sine, w) / sine
    cosine = torch.where(small, w, torch.ones_like(w))  # w is 0 at a half turn, and a gradient of 1 / 0 spreads NaN
    return xyz * torch.where(small, 2 / cosine * (1 - sine_sq / (3 * cosine**2)), exact)


def matrix_to_rotation_6d(matrix: Tensor) -> Tensor:
    """First two columns (Zhou et al. 2019). (..., 3, 3) -> (..., 6)."""
    return torch.cat([matrix[..., :, 0], matrix[..., :, 1]], -1)


def rotation_6d_to_matrix(rotation_6d: Tensor) -> Tensor:
    """Gram-Schmidt of two columns (Zhou et al. 2019). (..., 6) -> (..., 3, 3)."""
    first = torch.nn.functional.normalize(rotation_6d[..., :3], dim=-1)
    second = rotation_6d[..., 3:]
    second = torch.nn.functional.normalize(second - (first * second).sum(-1, keepdim=True) * first, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -1)


def nearest_rotation(matrix: Tensor) -> Tensor:
    """The rotation nearest in Frobenius norm (orthogonal Procrustes). (..., 3, 3) -> (..., 3, 3)."""
    u, _, vh = torch.linalg.svd(matrix)
    orthogonal = u @ vh
    # The determinant as a triple product: torch's LU is avoided, see tests/teacher/test_residuals.py.
    determinant = (torch.linalg.cross(orthogonal[..., 0], orthogonal[..., 1]) * orthogonal[..., 2]).sum(-1)
    one = torch.ones_like(determinant)
    return (u * torch.stack([one, one, determinant.sign()], -1)[..., None, :]) @ vh
