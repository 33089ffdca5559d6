"""The mean head and its identity directions: sampling, repairs, anthropometry, principal components."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shared.flame.open_head import eyes, mouth
from shared.flame.open_head.basis import (
    SliderSpace,
    mean_shift,
    principal_directions,
    remove_rigid,
    set_deviations,
    symmetric_space,
)
from shared.flame.open_head.identity import Population, stack_offsets
from shared.flame.open_head.loops import HeadLoops, find_loops
from shared.flame.open_head.makehuman import Array, MacroTarget, Target
from shared.flame.open_head.measure import (
    ADULTS_MM,
    Caliper,
    DepthGauge,
    Places,
    PupilCaliper,
    calipers,
    depth_gauges,
    find_places,
)
from shared.flame.open_head.mend import LipSeal, lid_fits
from shared.flame.open_head.sculpt import Sculpt
from shared.flame.open_head.topology import Topology

ORIGIN_FROM_EYES = np.array([0.0, -0.025, -0.055])  # of the head frame, from the middle between the eyes, metres
# Sliders that open MakeHuman's small eyes about as far as adults'; the rest is done by `mean_shift`.
EYE_SLIDERS = {
    "eye-push2-out": 1.9,
    "eye-push1-out": 0.5,
    "eye-height1-incr": 0.1,
    "eye-height2-incr": 0.15,
    "eye-height3-incr": 0.15,
}
MEAN_STEPS = 4  # the measures are not quite linear
EYE_WEIGHT, INSIDE_WEIGHT = 0.5, 0.15  # in the principal components, against 1 for the skin


@dataclass(frozen=True)
class ShapeSpace:
    """Head frame, metres."""

    template: Array  # (V, 3)
    directions: Array  # (V, 3, S) at one standard deviation
    loops: HeadLoops
    places: Places
    calipers: dict[str, Caliper | PupilCaliper]
    depths: dict[str, DepthGauge]
    origin: Array  # (3,) of the head frame in the sculpt's frame
    seal: Callable[[Array], Array]  # (V, 3) -> (V, 3) shuts the lips
    inside_shift: Array  # (V, 3) how far tongue and teeth were moved from where they were sculpted


def symmetrise(positions: Array, mirror: Array) -> Array:
    """Average (V, 3) with its mirror image."""
    return (positions + positions[mirror] * [-1, 1, 1]) / 2


def round_eyes(topology: Topology, positions: Array) -> Array:
    """Give the eyeballs of (V, 3) the mean radius again, about their centres."""
    out = positions.copy()
    for ball in (topology.left_eye, topology.right_eye):
        out[ball] = eyes.ball_centre(positions[ball]) + eyes.RADIUS * eyes.unit_sphere()[0]
    return out


def sculpted_mean(raw_rest: Array, population: Population, macro: list[MacroTarget], local: list[Target]) -> Array:
    """(K, 3) the population's mean in base mesh vertices, with wider eyes."""
    mean = raw_rest + np.tensordot(population.mean, stack_offsets(macro, local).astype(np.float64), 1)
    for target in local:
        mean = mean + EYE_SLIDERS.get(target.name[2:], 0.0) * target.positive
    return mean


def build_shape(
    topology: Topology,
    sculpt: Sculpt,
    raw_mean: Array,
    population: Population,
    macro: list[MacroTarget],
    local: list[Target],
    ears: Array,
    count: int,
) -> ShapeSpace:
    """The mean head and ``count`` identity directions.

    ``raw_mean`` is what `sculpted_mean` returns, ``ears`` (V,) bool.
    """
    raw_offsets = stack_offsets(macro, local)
    template = symmetrise(sculpt.positions(raw_mean), topology.mirror)
    middle = (eyes.ball_centre(template[topology.left_eye]) + eyes.ball_centre(template[topology.right_eye])) / 2
    origin = middle + ORIGIN_FROM_EYES
    template = template - origin
    loops = find_loops(topology, template)

    left_fit, right_fit = lid_fits(topology, template, loops)
    seal = LipSeal(topology, template, loops.lips)

    def settle(positions: Array) -> Array:
        return seal(right_fit.positions(left_fit.positions(round_eyes(topology, positions))))

    template = settle(template)
    offsets = sculpt.offsets(raw_offsets).astype(np.float64)
    skin = topology.label_mask("head")
    anchor = skin & (template[:, 1] > -0.09)
    offsets = remove_rigid(offsets, template, anchor)
    offsets = seal(right_fit.offsets(left_fit.offsets(offsets)))
    space = symmetric_space(offsets, population.covariance, topology.mirror)

    places = find_places(topology, template, loops)
    measures = calipers(topology, template, loops, places, ears)
    template = _to_adult_means(space, template, measures, settle)
    slopes = _slopes(space, template, measures)
    deviations = np.array([ADULTS_MM[name][1] for name in measures]) * 1e-3
    space = set_deviations(space, slopes, deviations)

    directions = principal_directions(space, component_weights(topology), count)
    inside_shift = mouth.inside_shift(topology, template)
    template = template + inside_shift
    template = symmetrise(flat_neck(template, loops.neck), topology.mirror)
    directions = (directions + parity(directions, topology.mirror) * directions[topology.mirror] * _FLIP) / 2
    depths = depth_gauges(topology, template, loops, places)
    return ShapeSpace(template, directions, loops, places, measures, depths, origin, seal, inside_shift)


_FLIP = np.array([-1.0, 1, 1])[:, None]


def component_weights(topology: Topology) -> Array:
    """(V,) weight of each vertex in the principal components."""
    weight = np.where(topology.label_mask("head"), 1.0, INSIDE_WEIGHT)
    weight[topology.n_solid :] = EYE_WEIGHT
    return weight


def parity(directions: Array, mirror: Array) -> Array:
    """(C,) +1 for a symmetric column of (V, 3, C), -1 for an antisymmetric one."""
    return np.sign((directions * directions[mirror] * _FLIP).sum((0, 1)))


def _slopes(space: SliderSpace, template: Array, measures: dict[str, Caliper | PupilCaliper]) -> Array:
    """(2B, K) derivative of each measure by each slider."""
    offsets = space.offsets.reshape(len(space.offsets), -1, 3)
    return np.stack([caliper.slope(template, offsets) for caliper in measures.values()], 1)


def _to_adult_means(
    space: SliderSpace,
    template: Array,
    measures: dict[str, Caliper | PupilCaliper],
    settle: Callable[[Array], Array],
) -> Array:
    """Shift the mean head so that its measures are the adult means."""
    for _ in range(MEAN_STEPS):
        now = np.array([float(caliper.value(template)) for caliper in measures.values()])
        wanted = np.array([ADULTS_MM[name][0] for name in measures]) * 1e-3 - now
        shift = mean_shift(space, _slopes(space, template, measures), wanted)
        template = settle(template + shift.reshape(-1, 3))
    return template


def flat_neck(template: Array, neck: Array) -> Array:
    """Move the neck edge (a loop) on its best plane."""
    centre = template[neck].mean(0)
    normal = np.linalg.svd(template[neck] - centre)[2][2]
    out = template.copy()
    out[neck] -= np.outer((template[neck] - centre) @ normal, normal)
    return out
