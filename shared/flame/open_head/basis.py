"""Principal components of the population in slider space, with its lengths set to the anthropometric figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.flame.open_head.makehuman import Array


def rigid_modes(positions: Array, anchor: Array) -> Array:
    """(V, 3, 6) infinitesimal translations and rotations about the centre of the ``anchor`` (V,) bool vertices."""
    arm = positions - positions[anchor].mean(0)
    turns = [np.cross(axis, arm) for axis in np.eye(3)]
    shifts = [np.broadcast_to(axis, arm.shape) for axis in np.eye(3)]
    return np.stack([*shifts, *turns], -1)


def remove_rigid(offsets: Array, positions: Array, anchor: Array) -> Array:
    """Offsets (B, V, 3) less the rigid motion that fits each best on the ``anchor`` vertices."""
    modes = rigid_modes(positions, anchor)
    inverse = np.linalg.pinv(modes[anchor].reshape(-1, 6))
    amount = offsets[:, anchor].reshape(len(offsets), -1) @ inverse.T
    return offsets - (amount @ modes.reshape(-1, 6).T).reshape(offsets.shape)


@dataclass(frozen=True)
class SliderSpace:
    """Gaussian over blendshapes and their mirror images: vertex offset = offsets^T factor z, z standard normal."""

    offsets: Array  # (2B, V*3)
    factor: Array  # (2B, R)


def symmetric_space(offsets: Array, covariance: Array, mirror: Array) -> SliderSpace:
    """Offsets (B, V, 3) with covariance (B, B), made left-right symmetric by pooling with the mirror images."""
    n = len(offsets)
    mirrored = offsets[:, mirror] * np.array([-1.0, 1, 1])
    eigenvalues, vectors = np.linalg.eigh(covariance)
    keep = eigenvalues > 1e-10 * eigenvalues[-1]
    half = vectors[:, keep] * np.sqrt(eigenvalues[keep] / 2)
    empty = np.zeros_like(half)
    factor = np.block([[half, empty], [empty, half]])
    return SliderSpace(np.concatenate([offsets, mirrored]).reshape(2 * n, -1), factor)


def mean_shift(space: SliderSpace, slopes: Array, wanted: Array) -> Array:
    """(V*3,) the most probable offset that changes K linear measures (2B, K) by ``wanted`` (K,)."""
    slope = space.factor.T @ slopes
    amount = slope @ np.linalg.solve(slope.T @ slope, wanted)
    return space.offsets.T @ (space.factor @ amount)


def set_deviations(space: SliderSpace, slopes: Array, deviations: Array) -> SliderSpace:
    """The space with the standard deviations of K linear measures (2B, K) set; their correlations stay."""
    slope = space.factor.T @ slopes  # (R, K)
    current = slope.T @ slope
    sigma = np.sqrt(np.diag(current))
    scale = deviations / sigma
    q, r = np.linalg.qr(slope)
    r_inverse = np.linalg.inv(r)
    target = r_inverse.T @ (current * np.outer(scale, scale)) @ r_inverse
    eigenvalues, vectors = np.linalg.eigh(target)
    root = (vectors * np.sqrt(eigenvalues)) @ vectors.T
    change = q @ (root - np.eye(len(root))) @ q.T
    return SliderSpace(space.offsets, space.factor @ (np.eye(len(slope)) + change))


def principal_directions(space: SliderSpace, vertex_weight: Array, count: int) -> Array:
    """(V, 3, count) directions of unit-variance codes, largest weighted variance first."""
    root = np.sqrt(np.repeat(vertex_weight, 3))
    weighted = space.offsets * root
    gram = space.factor.T @ (weighted @ weighted.T) @ space.factor
    _, vectors = np.linalg.eigh(gram)
    vectors = vectors[:, ::-1][:, :count]
    directions = space.offsets.T @ (space.factor @ vectors)
    directions *= canonical_signs(directions)
    return directions.reshape(len(vertex_weight), 3, -1)


def canonical_signs(columns: Array) -> Array:
    """(C,) signs that make the largest entry of each column positive; near ties go to the first row."""
    size = np.abs(columns)
    first = (size > 0.999 * size.max(0)).argmax(0)
    return np.where(columns[first, np.arange(columns.shape[1])] < 0, -1.0, 1.0)
