"""Joints, skinning weights and the jaw: FLAME's five joints on this head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.flame.open_head import eyes
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.spread import cotangent_laplacian
from shared.flame.open_head.topology import Topology

KINTREE = np.array([[4294967295, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32)
NECK_SHARE = 0.6  # the neck joint lies this far from the rig's neck marker to its head marker
ARM_FLOOR = 0.003  # metres; keeps the fitted jaw weight small where the jaw's rotation hardly moves a vertex
STILL = 2e-4  # metres; joints are regressed from vertices that no expression moves more
SMOOTHING_STEPS = 8


@dataclass(frozen=True)
class JawMotion:
    """The sculpted opening as a rotation about a hinge, weights and a pose corrective."""

    hinge: Array  # (3,) head frame, metres
    angle: float  # radians about +x at ARKit's jawOpen = 1
    weight: Array  # (V,)
    corrective: Array  # (V, 3) added before skinning at ``angle``

    @property
    def rotation(self) -> Array:
        """(3, 3)."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])

    def unposed(self, posed: Array) -> Array:
        """(V, 3) positions at the full opening -> positions before skinning."""
        return _unskin(posed, self.weight, self.rotation, self.hinge)

    def posedirs(self) -> Array:
        """(V, 3, 9) FLAME's pose correctives of the jaw; linear in the sine of the opening, signed."""
        out = np.zeros((*self.corrective.shape, 9))
        per_sine = self.corrective / (2 * np.sin(self.angle))
        out[:, :, 5] = -per_sine  # entry (1, 2) of R - I is -sin
        out[:, :, 7] = per_sine
        return out


def _unskin(posed: Array, weight: Array, rotation: Array, hinge: Array) -> Array:
    blend = weight[:, None, None] * rotation + (1 - weight)[:, None, None] * np.eye(3)
    return np.linalg.solve(blend, (posed - hinge)[..., None])[..., 0] + hinge


def fit_jaw(topology: Topology, template: Array, sculpted: Array, opening: Array) -> JawMotion:
    """Hinge and angle from the lower teeth, which the sculpted ``opening`` (V, 3) moves rigidly; weights from the rest.

    ``sculpted`` (V, 3) has the teeth where the opening was sculpted.
    """
    teeth = topology.label_vertices("lower_teeth")
    before, after = sculpted[teeth], sculpted[teeth] + opening[teeth]
    left, right = before - before.mean(0), after - after.mean(0)
    angle = np.arctan2((left[:, 1] * right[:, 2] - left[:, 2] * right[:, 1]).sum(), (left[:, 1:] * right[:, 1:]).sum())
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    shift = after.mean(0) - turn @ before.mean(0)
    hinge = np.array([0.0, *np.linalg.solve((np.eye(3) - turn)[1:, 1:], shift[1:])])

    motion = (template - hinge) @ (turn - np.eye(3)).T
    weight = np.clip((opening * motion).sum(1) / ((motion**2).sum(1) + ARM_FLOOR**2), 0, 1)
    weight = _smooth(topology, template, weight)
    weight[topology.label_vertices("lower_teeth", "tongue")] = 1
    weight[topology.label_vertices("upper_teeth", "left_eye", "right_eye")] = 0
    weight = (weight + weight[topology.mirror]) / 2
    corrective = _unskin(template + opening, weight, turn, hinge) - template
    corrective[topology.label_vertices("lower_teeth", "tongue", "upper_teeth", "left_eye", "right_eye")] = 0
    corrective = (corrective + corrective[topology.mirror] * [-1, 1, 1]) / 2
    return JawMotion(hinge, float(angle), weight, corrective)


def _smooth(topology: Topology, template: Array, weight: Array) -> Array:
    """A few steps of averaging with the neighbours: the fit is noisy near the hinge."""
    stiffness, _ = cotangent_laplacian(template, topology.faces)
    degree = stiffness.diagonal()
    for _ in range(SMOOTHING_STEPS):
        weight = weight - 0.5 * (stiffness @ weight) / np.maximum(degree, 1e-9)
    return np.clip(weight, 0, 1)


def skinning_weights(topology: Topology, parents: dict[str, str], bones: dict[str, Array], jaw: Array) -> Array:
    """(V, 5) for root, neck, jaw and eyes: the rig's neck ramp, the fitted jaw, rigid eyes and teeth."""
    upper = {"head"}
    while grown := {bone for bone, parent in parents.items() if parent in upper} - upper:
        upper |= grown
    raw = sum(bones[bone] for bone in sorted(upper | {"neck03"})) + 0.5 * bones["neck02"]
    raw = raw[topology.raw][:, None]
    neck = np.ones(topology.n_vertices)
    neck[: topology.n_solid] = np.clip(topology.solid(raw)[:, 0], 0, 1)
    neck[topology.label_vertices("upper_teeth", "lower_teeth", "tongue")] = 1
    neck = (neck + neck[topology.mirror]) / 2
    out = np.zeros((topology.n_vertices, 5))
    out[:, 2] = jaw * neck
    out[:, 1] = neck - out[:, 2]
    out[:, 0] = 1 - neck
    out[topology.n_solid :] = 0
    out[topology.left_eye, 3] = 1
    out[topology.right_eye, 4] = 1
    return out


def joint_regressor(topology: Topology, template: Array, joints: Array, motion: Array, ears: Array) -> Array:
    """(5, V) regressor that gives ``joints`` (3, 3: root, neck, jaw) and the eyeballs' centres on the template.

    ``motion`` (V,) is the largest displacement of each vertex by any expression: moving vertices are not used.
    The smallest weights that are exact; over rings of skin around a joint they follow the identity.
    """
    out = np.zeros((5, topology.n_vertices))
    skin = topology.label_mask("head", "neck") & (motion < STILL)
    near_jaw = skin & (ears | (np.linalg.norm((template - joints[2])[:, 1:], axis=1) < 0.03))
    for joint, candidates in enumerate(
        (
            skin & (np.abs(template[:, 1] - joints[0, 1]) < 0.04),
            skin & (np.abs(template[:, 1] - joints[1, 1]) < 0.04) & ~ears,
            near_jaw,
        )
    ):
        rows = np.flatnonzero(candidates | candidates[topology.mirror])
        conditions = np.concatenate([template[rows].T, np.ones((1, len(rows)))])
        weights = np.zeros(topology.n_vertices)
        weights[rows] = np.linalg.lstsq(conditions, np.append(joints[joint], 1.0), rcond=None)[0]
        out[joint] = (weights + weights[topology.mirror]) / 2
    out[3, topology.left_eye] = eyes.centre_weights()
    out[4, topology.right_eye] = eyes.centre_weights()
    return out
