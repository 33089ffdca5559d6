"""Face units on the mended head and the expression basis.

The jaw's opening is left to the joint (`rig.py`); everything else is additive, as sculpted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shared.flame.open_head import eyes
from shared.flame.open_head.basis import canonical_signs
from shared.flame.open_head.loops import LidLoop
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.mend import interpolation
from shared.flame.open_head.rig import JawMotion
from shared.flame.open_head.shape import ShapeSpace
from shared.flame.open_head.spread import decaying_extension
from shared.flame.open_head.topology import Topology

N_ACTIVATIONS = 6000
CLOSED_GAP = 0.0006  # metres, of shut lids and of lid skin, in front of the eyeball
CLOSED_REACH = 0.004
RARE = {"tongueOut": 0.08, "mouthClose": 0.06}  # how often a drawn unit is really used
GAZE_IN_OUT, GAZE_UP_DOWN = np.radians(30.0), np.radians(25.0)


@dataclass(frozen=True)
class Expressions:
    """Expression columns with unit second moment, and how ARKit's units drive them."""

    directions: Array  # (V, 3, E)
    arkit_to_expression: Array  # (E, 52)
    arkit_names: tuple[str, ...]
    unit_names: tuple[str, ...]  # all units in the basis
    units_to_expression: Array  # (E, U)


def lid_closure(topology: Topology, shape: ShapeSpace, unit: Array, lid: LidLoop, ball: slice) -> Array:
    """(V, 3) a blink unit made to shut on this head: the upper rim meets the lower one, no skin inside the ball."""
    closed = shape.template + unit
    faces = topology.label_faces("head", "left_socket", "right_socket")
    rim = np.concatenate([lid.upper[1:-1], lid.lower[1:-1]])
    centre = eyes.ball_centre(shape.template[ball])
    target = closed.copy()
    lower = _on_ball(closed[lid.lower], centre, eyes.RADIUS + CLOSED_GAP)
    lower[[0, -1]] = closed[lid.lower[[0, -1]]]
    along = np.abs(shape.template[:, 0])
    upper = interpolation(along[lid.lower], along[lid.upper]) @ lower
    upper[1:-1] = _outside(upper[1:-1], centre, eyes.RADIUS + CLOSED_GAP)
    target[lid.upper], target[lid.lower] = upper, lower
    spread = decaying_extension(shape.template, faces, rim, CLOSED_REACH)
    closed = closed + spread @ (target - closed)[rim]
    skin = topology.label_vertices("head")
    near = skin[np.linalg.norm(shape.template[skin] - centre, axis=1) < 0.03]
    closed[near] = _outside(closed[near], centre, eyes.RADIUS + CLOSED_GAP)
    return closed - shape.template


def lid_closures(topology: Topology, shape: ShapeSpace) -> dict[str, Callable[[Array], Array]]:
    """What makes each blink unit shut on this head, by the unit's name."""
    sides = {
        "eyeBlinkLeft": (shape.loops.left_lid, topology.left_eye),
        "eyeBlinkRight": (shape.loops.right_lid, topology.right_eye),
    }
    return {
        name: lambda unit, lid=lid, ball=ball: lid_closure(topology, shape, unit, lid, ball)
        for name, (lid, ball) in sides.items()
    }


def _on_ball(points: Array, centre: Array, radius: float) -> Array:
    """Points (N, 3) nearer the ball than their corners demand are set on the sphere; far ones stay."""
    arm = points - centre
    distance = np.linalg.norm(arm, axis=1, keepdims=True)
    return np.where(distance < radius + 0.002, centre + arm / distance * radius, points)


def _outside(points: Array, centre: Array, radius: float) -> Array:
    arm = points - centre
    distance = np.linalg.norm(arm, axis=1, keepdims=True)
    return centre + arm * np.maximum(1, radius / distance)


def mend_units(
    topology: Topology, shape: ShapeSpace, arkit: dict[str, Array], mpfb: dict[str, Array], jaw: JawMotion
) -> dict[str, Array]:
    """Offsets (V, 3) of all additive units on the mended head; without jawOpen, which the joint makes."""
    units = {**arkit, **{f"mpfb-{name}": offset for name, offset in mpfb.items()}}
    units = {name: offset.copy() for name, offset in units.items()}
    for offset in units.values():
        offset[topology.n_solid :] = 0  # gaze is the eye joints' job
    for name, close in lid_closures(topology, shape).items():
        units[name] = close(units[name])
    tongue = topology.label_vertices("tongue")
    units["tongueOut"][tongue] -= shape.inside_shift[tongue]  # it comes out where the sculpt had it
    # Sculpted on top of jawOpen: carry it into the frame before the jaw's rotation.
    open_mouth = shape.template + units["jawOpen"]
    closed = shape.seal(open_mouth + units["mouthClose"])
    units["mouthClose"] = jaw.unposed(closed) - jaw.unposed(open_mouth)
    del units["jawOpen"]
    return {name: _mirror_clean(topology, name, units) for name in units}


def mirrored_name(name: str) -> str:
    """The unit on the other side; itself for units of both sides."""
    for first, second in (("Left", "Right"), ("left", "right")):
        if first in name:
            return name.replace(first, second)
        if second in name:
            return name.replace(second, first)
    return name


def _mirror_clean(topology: Topology, name: str, units: dict[str, Array]) -> Array:
    """Average with the mirrored partner: the sculpts differ by rounding."""
    partner = units[mirrored_name(name)]
    return (units[name] + partner[topology.mirror] * [-1, 1, 1]) / 2


def random_activations(names: list[str], seed: int = 1) -> Array:
    """(N, U) sparse, mostly symmetric activations in [0, 1]; an invented distribution."""
    rng = np.random.default_rng(seed)
    index = {name: i for i, name in enumerate(names)}
    out = np.zeros((N_ACTIVATIONS, len(names)))
    for row in out:
        for chosen in rng.choice(len(names), rng.integers(2, 9), replace=False):
            name = names[chosen]
            amount = rng.beta(1.2, 2.0) * (0.6 if name.startswith("mpfb") else 1.0)
            both, ratio = rng.random() < 0.75, rng.uniform(0.8, 1.0)
            if rng.random() > RARE.get(name, 1.0):
                continue
            row[chosen] = max(row[chosen], amount)
            other = index[mirrored_name(name)]
            sideways = name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
            if other != chosen and both and not sideways:
                row[other] = max(row[other], amount * ratio)
    # Left and right alike on average, so that the basis is symmetric.
    swap = [index[mirrored_name(name)] for name in names]
    return np.concatenate([out, out[:, swap]])


def random_moment(names: list[str]) -> Array:
    """(U, U) second moment of random activations."""
    activations = random_activations(names)
    return activations.T @ activations / len(activations)


def build_expressions(
    topology: Topology, units: dict[str, Array], arkit_names: tuple[str, ...], moment: Array
) -> Expressions:
    """Uncentred principal components of activations with a second ``moment`` (U, U), all that the units span."""
    names = list(units)
    offsets = np.stack([units[name] for name in names]).reshape(len(names), -1)
    weight = np.where(topology.label_mask("head"), 1.0, 0.15)
    weighted = offsets * np.sqrt(np.repeat(weight, 3))
    factor = np.linalg.cholesky(moment)
    energy, vectors = np.linalg.eigh(factor.T @ (weighted @ weighted.T) @ factor)
    keep = energy > 1e-9 * energy[-1]
    mix = (factor @ vectors[:, keep])[:, ::-1]  # unit activations of one standard coefficient
    directions = offsets.T @ mix
    signs = canonical_signs(directions)
    directions, mix = directions * signs, mix * signs
    to_coefficients = np.linalg.pinv(mix)  # (E, U)
    arkit = np.zeros((mix.shape[1], len(arkit_names)))
    for column, name in enumerate(arkit_names):
        if name in units:
            arkit[:, column] = to_coefficients[:, names.index(name)]
    return Expressions(
        directions.reshape(topology.n_vertices, 3, -1), arkit, arkit_names, tuple(names), to_coefficients
    )


def arkit_to_eyes(names: tuple[str, ...]) -> Array:
    """(2, 3, 52) axis-angle of the left and the right eye at activation 1."""
    out = np.zeros((2, 3, len(names)))
    for eye, side in enumerate(("Left", "Right")):
        outward = 1.0 if side == "Left" else -1.0  # a turn about +y looks to the subject's left
        for unit, axis, angle in (
            ("Out", 1, outward * GAZE_IN_OUT),
            ("In", 1, -outward * GAZE_IN_OUT),
            ("Up", 0, -GAZE_UP_DOWN),
            ("Down", 0, GAZE_UP_DOWN),
        ):
            out[eye, axis, names.index(f"eyeLook{unit}{side}")] = angle
    return out
