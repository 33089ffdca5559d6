"""Put a sculpted head on the calibration: its mean becomes the template, its covariance the identity directions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shared.flame.errors import FlameFileError
from shared.flame.open_head import eyes
from shared.flame.open_head.basis import canonical_signs
from shared.flame.open_head.basis_id import basis_id
from shared.flame.open_head.identity_record import ASSET, Calibration
from shared.flame.open_head.loops import HeadLoops
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.measure import calipers, depth_gauges, find_places
from shared.flame.open_head.mend import LipSeal, lid_fits
from shared.flame.open_head.shape import (
    ORIGIN_FROM_EYES,
    ShapeSpace,
    component_weights,
    flat_neck,
    parity,
    round_eyes,
    symmetrise,
)
from shared.flame.open_head.spread import decaying_extension
from shared.flame.open_head.topology import Topology
from shared.flame.schema import FlameAssets

SETTLE_STEPS = 2  # the lids move with the balls, which are round about moved centres
EYE_REACH_M = 0.008  # over which the skin follows the lids
CORNER_REACH = 0.5  # of the rim's width, over which a corner's shift fades into the eyeball's
# Transforms are multiples of this, so that directions (float16, multiples of 2^-24) times them are sums without
# rounding in float64, on any machine and in any order: `head_id` is a digest of the product.
TRANSFORM_STEP = 2.0**-20


@dataclass(frozen=True)
class CalibratedShape:
    """A head on its calibration."""

    shape: ShapeSpace
    transform: Array  # (S, S): directions = the base's directions @ transform


def calibrate(
    topology: Topology, sculpted: ShapeSpace, base: FlameAssets, calibration: Calibration, ears: Array
) -> CalibratedShape:
    """The head of the calibration's mean, repaired anew, and directions of its covariance.

    ``base`` is the head that the calibration's coefficients belong to, built from ``sculpted``; ``ears`` (V,) bool.
    FlameFileError if the calibration is in the coefficients of another head.
    """
    if basis_id(base) != calibration.basis_id:
        raise FlameFileError(
            ASSET,
            f"is in the coefficients {calibration.basis_id}, the head's are {basis_id(base)}",
            "calibrate that head: python -m shared.flame.open_head.calibration",
        )
    base_directions = base.shapedirs.double().numpy()
    template = base.v_template.double().numpy() + base_directions @ calibration.mean
    template = place_eyes(topology, sculpted.loops, template, calibration.eye_shift_m)
    balls = (topology.left_eye, topology.right_eye)
    template = template - np.mean([eyes.ball_centre(template[ball]) for ball in balls], 0) - ORIGIN_FROM_EYES
    loops = sculpted.loops
    # Scans say where the corners of the eyes are: they keep all of their distance to the ball.
    left, right = lid_fits(topology, round_eyes(topology, template), loops, corner_share=1.0)
    seal = LipSeal(topology, template, loops.lips)
    for _ in range(SETTLE_STEPS):
        template = seal(right.positions(left.positions(round_eyes(topology, template))))
    template = symmetrise(flat_neck(template, loops.neck), topology.mirror)

    transform = unit_variance_transform(
        base_directions, calibration.covariance, component_weights(topology), topology.mirror
    )
    places = find_places(topology, template, loops)
    shape = replace(
        sculpted,
        template=template,
        directions=base_directions @ transform,
        places=places,
        calipers=calipers(topology, template, loops, places, ears),
        depths=depth_gauges(topology, template, loops, places),
        seal=seal,
    )
    return CalibratedShape(shape, transform)


def place_eyes(topology: Topology, loops: HeadLoops, positions: Array, shift_m: Array) -> Array:
    """Move eyeballs and lids of (V, 3) by ``Calibration.eye_shift_m``; the skin around follows over EYE_REACH."""
    out = positions.copy()
    faces = topology.label_faces("head", "left_socket", "right_socket")
    for lid, ball, mirror in ((loops.left_lid, topology.left_eye, 1), (loops.right_lid, topology.right_eye, -1)):
        centre, inner, outer = shift_m * [mirror, 1, 1]
        out[ball] += centre
        rim = positions[lid.rim, 0]
        along = np.clip((rim - rim[0]) / (positions[lid.outer, 0] - rim[0]), 0, 1)[:, None]  # 0 inside, 1 outside
        at_inner = np.maximum(1 - along / CORNER_REACH, 0) ** 2
        at_outer = np.maximum(1 - (1 - along) / CORNER_REACH, 0) ** 2
        moved = at_inner * inner + at_outer * outer + (1 - at_inner - at_outer) * centre
        out += decaying_extension(positions, faces, lid.rim, EYE_REACH_M) @ moved
    return out


def unit_variance_transform(directions: Array, covariance: Array, vertex_weight: Array, mirror: Array) -> Array:
    """(S, S) from coefficients of unit variance to those of ``covariance``: principal components, largest first.

    Symmetric and antisymmetric directions are not mixed. ``directions`` (V, 3, S), ``vertex_weight`` (V,).
    """
    sign = parity(directions, mirror)
    flat = directions.reshape(-1, directions.shape[2])
    gram = flat.T @ (flat * np.repeat(vertex_weight, 3)[:, None])
    columns, energies = [], []
    for side in (1, -1):
        rows = np.flatnonzero(sign == side)
        factor = np.linalg.cholesky(covariance[np.ix_(rows, rows)])
        energy, vectors = np.linalg.eigh(factor.T @ gram[np.ix_(rows, rows)] @ factor)
        column = np.zeros((len(sign), len(rows)))
        column[rows] = factor @ vectors
        columns.append(column)
        energies.append(energy)
    transform = np.concatenate(columns, 1)[:, np.argsort(-np.concatenate(energies), kind="stable")]
    transform = transform * canonical_signs(flat @ transform)
    return np.round(transform / TRANSFORM_STEP) * TRANSFORM_STEP
