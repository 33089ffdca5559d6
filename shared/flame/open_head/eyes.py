"""The eyeballs: exact spheres whose centre and radius are linear in the sculpted eye, so they stay blendshapes."""

from __future__ import annotations

import numpy as np

from shared.flame.open_head.makehuman import Array

RADIUS = 0.0122  # metres, mean; adults have 11.5 to 12.5 mm
RADIUS_GAIN = 0.35  # share of the sculpt's radius variation that is kept (adults vary little)
IRIS_RADIUS = 0.0059
PUPIL_RADIUS = 0.0019
SEGMENTS = 24
IRIS_RING = 3  # index in RING_ANGLES of the iris rim
IRIS_ANGLE = float(np.arcsin(IRIS_RADIUS / RADIUS))
PUPIL_ANGLE = float(np.arcsin(PUPIL_RADIUS / RADIUS))
# Polar angles of the vertex rings, radians, from the pupil's pole (+z) backwards; denser at the front.
RING_ANGLES = np.array(
    [
        PUPIL_ANGLE / 2,
        PUPIL_ANGLE,
        (PUPIL_ANGLE + IRIS_ANGLE) / 2,
        IRIS_ANGLE,
        *np.radians([37.0, 46.0, 56.0, 67.0, 79.0, 93.0, 112.0, 135.0, 158.0]),
    ]
)
N_VERTICES = len(RING_ANGLES) * SEGMENTS + 2


def unit_sphere() -> tuple[Array, Array, Array]:
    """Directions (N, 3), triangles (M, 3) counter-clockwise from outside, and a disk chart (N, 2) in [0, 1].

    Vertex ``ring * SEGMENTS + segment``; segment 0 points to +x, segments run towards +y. The last two
    vertices are the front and the back pole.
    """
    azimuth = np.arange(SEGMENTS) * 2 * np.pi / SEGMENTS
    polar = RING_ANGLES[:, None]
    rings = np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar) + 0 * azimuth], -1
    )
    directions = np.concatenate([rings.reshape(-1, 3), [[0, 0, 1.0]], [[0, 0, -1.0]]])
    # Azimuthal equal-area chart: keeps the back from being squeezed into the rim.
    radius = np.sin(np.concatenate([np.repeat(RING_ANGLES, SEGMENTS), [0, np.pi]]) / 2)
    turn = np.concatenate([np.tile(azimuth, len(RING_ANGLES)), [0, 0]])
    chart = 0.5 + 0.5 * np.stack([radius * np.cos(turn), radius * np.sin(turn)], -1)
    return directions, _triangles(), chart


def _triangles() -> Array:
    rings = len(RING_ANGLES)
    front, back = rings * SEGMENTS, rings * SEGMENTS + 1
    here = np.arange(SEGMENTS)
    after = (here + 1) % SEGMENTS
    out = [np.stack([np.full(SEGMENTS, front), here, after], -1)]
    for ring in range(rings - 1):
        inner, outer = ring * SEGMENTS, (ring + 1) * SEGMENTS
        # The diagonal flips at the quarter turns, so that x -> -x maps the triangles onto themselves.
        left, up = np.cos((here + 0.5) * 2 * np.pi / SEGMENTS) > 0, np.sin((here + 0.5) * 2 * np.pi / SEGMENTS) > 0
        flip = (left == up)[:, None]
        a, b, c, d = inner + here, outer + here, outer + after, inner + after
        out.append(np.where(flip, np.stack([a, b, c], -1), np.stack([a, b, d], -1)))
        out.append(np.where(flip, np.stack([a, c, d], -1), np.stack([b, c, d], -1)))
    last = (rings - 1) * SEGMENTS
    out.append(np.stack([np.full(SEGMENTS, back), last + after, last + here], -1))
    return np.concatenate(out)


def mirror_index() -> Array:
    """(N,) the vertex of the other eye's sphere at the mirrored place."""
    segment = (SEGMENTS // 2 - np.arange(SEGMENTS)) % SEGMENTS
    rings = np.arange(len(RING_ANGLES))[:, None] * SEGMENTS + segment
    return np.concatenate([rings.reshape(-1), [N_VERTICES - 2, N_VERTICES - 1]])


def fit_sphere(sculpted: Array, rest: Array) -> tuple[Array, Array]:
    """Centre (..., 3) and radius (...) of a sculpted eye (..., P, 3). Linear; ``rest`` (P, 3) fixes directions."""
    outward = rest - rest.mean(0)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    centre = sculpted.mean(-2)
    radius = ((sculpted - centre[..., None, :]) * outward).sum(-1).mean(-1)
    return centre, radius


def centre_weights() -> Array:
    """(N,) weights over a ball's vertices whose weighted mean is exactly its centre, sum 1, mirror-symmetric."""
    directions = unit_sphere()[0]
    rows = np.concatenate([directions.T, np.ones((1, N_VERTICES))])
    weights = np.linalg.lstsq(rows, np.array([0, 0, 0, 1.0]), rcond=None)[0]
    return (weights + weights[mirror_index()]) / 2


def ball_centre(ball: Array) -> Array:
    """(..., N, 3) vertices of an eyeball -> (..., 3)."""
    return np.einsum("n,...nk->...k", centre_weights(), ball)


def ball_radius(ball: Array) -> Array:
    """(..., N, 3) vertices of an eyeball (or offsets of them) -> (...) radius (or its change)."""
    directions = unit_sphere()[0]
    return ((ball - ball_centre(ball)[..., None, :]) * directions).sum(-1).mean(-1)
