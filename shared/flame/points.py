"""Chosen surface points of a head, posed together with their analytic Jacobian.

A surface point is a fixed mix of vertices, barycentric where they are the corners of a triangle, and linear blend
skinning is linear in the vertices once the joints' transforms are known. So a point is a sum over joints of "rotate the
share that follows this joint":

    x_p = sum_j R_j y_pj + w_pj t_j,     y_pj = share_pj (template + dirs codes + posedirs feature)

with ``t_j = T_j - R_j J_j`` from the rest joints ``J`` and posed joints ``T``. The shares are precomputed; a joint that
does not move a point costs nothing. This is exact, not an approximation of the full forward pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from shared.flame.code_basis import CodeBasis, CodeSizes
from shared.flame.model import FlameModel, forward_kinematics
from shared.flame.schema import JOINTS, PARENTS, LandmarkEmbedding
from shared.geometry.rotation import axis_angle_to_matrix, skew

ROTATIONS = ("global_rot", "neck", "jaw", "left_eye", "right_eye")  # variables, one a joint


def _descendants(joint: int) -> list[int]:
    """The joint itself and all below it."""
    found = [joint]
    for child in range(joint + 1, len(PARENTS)):
        if PARENTS[child] in found:
            found.append(child)
    return found


@dataclass(frozen=True)
class _JointShare:
    """The part of the points that follows one joint."""

    points: Tensor  # (Q,) int64, which points
    weight: Tensor  # (Q,) share of the point
    base: Tensor  # (Q, 3) share of the template
    dirs: Tensor  # (Q, 3, K) share of the blendshapes
    posedirs: Tensor | None  # (Q, 3, 36) share of the pose correctives, None where they are all zero

    @cached_property
    def place(self) -> slice | Tensor:
        """Where the points are among all: a slice if they follow each other, which needs no copy."""
        first, last = int(self.points[0]), int(self.points[-1])
        return slice(first, last + 1) if last - first == len(self.points) - 1 else self.points

    def add_to(self, total: Tensor, values: Tensor) -> None:
        """Add (B, Q, ...) to the points' places in (B, P, ...)."""
        if isinstance(self.place, slice):
            total[:, self.place] += values
        else:
            total.index_add_(1, self.place, values)

    @cached_property
    def moves(self) -> list[bool]:
        """Which joints' rotations have correctives here."""
        if self.posedirs is None:
            return [False] * len(JOINTS)
        by_joint = self.posedirs.unflatten(2, (len(JOINTS) - 1, 9)).abs().amax((0, 1, 3)) > 0
        return [False, *by_joint.tolist()]


class FlamePoints:
    """P fixed points on the surface of a head model.

    ``codes`` are the coefficients ``[shape, expression, eyelids]``: in the model's own basis (K = S + E + 2), or
    in the shorter one given to `with_basis`.
    """

    def __init__(
        self, shares: Mapping[int, _JointShare], joints: Tensor, joint_dirs: Tensor, weight: Tensor, sizes: CodeSizes
    ) -> None:
        self._shares = dict(shares)
        self._joints = joints  # (5, 3) rest joints of the template
        self._joint_dirs = joint_dirs  # (5, 3, K)
        self._weight = weight  # (P,) 1 for points, 0 for differences
        self.n_points = len(weight)
        self.sizes = sizes

    @staticmethod
    def from_embedding(model: FlameModel, embedding: LandmarkEmbedding, offset_m: Tensor | None = None) -> FlamePoints:
        """The points of a landmark embedding, moved by a constant offset (P, 3) of the unposed head where given."""
        corners = model.faces[embedding.face_index.to(model.faces.device)]  # (P, 3)
        return FlamePoints.from_mixes(model, corners, embedding.barycentric, offset_m)

    @staticmethod
    def from_vertices(model: FlameModel, vertices: Tensor, offset_m: Tensor | None = None) -> FlamePoints:
        """The points at whole vertices, indices (P,), moved by constant offsets (P, 3) of the unposed head."""
        return FlamePoints.from_mixes(model, vertices[:, None], torch.ones(len(vertices), 1), offset_m)

    @staticmethod
    def from_mixes(model: FlameModel, vertices: Tensor, weights: Tensor, offset_m: Tensor | None = None) -> FlamePoints:
        """Weighted sums of vertices.

        Args:
            model: of the head.
            vertices: (P, C) int64.
            weights: (P, C). A row whose sum is 1 is a point; one whose sum is 0 is a difference of points, such as a
                tangent, which no translation moves.
            offset_m: (P, 3) constant offset of the unposed head's vertices.
        """
        corners, barycentric = vertices.to(model.faces.device), weights.to(model.v_template)
        weights = barycentric[..., None] * model.lbs_weights[corners]  # (P, C, 5)
        rest = model.v_template[corners]  # (P, C, 3)
        if offset_m is not None:
            rest = rest + offset_m.to(rest)[:, None]
        shares: dict[int, _JointShare] = {}
        for joint in range(len(JOINTS)):
            share = weights[..., joint]  # (P, C)
            points = (share.abs().sum(-1) > 0).nonzero().squeeze(-1)
            if not len(points):
                continue
            index, share = corners[points], share[points]
            posedirs = torch.einsum("qc,qckf->qkf", share, model.posedirs[index])
            shares[joint] = _JointShare(
                points,
                share.sum(-1),
                torch.einsum("qc,qck->qk", share, rest[points]),
                torch.einsum("qc,qckd->qkd", share, model.blendshapes[index]),
                posedirs if bool(posedirs.any()) else None,
            )
        sizes = CodeSizes(model.n_shape, model.n_expression)
        total = barycentric.sum(1)
        total = torch.where((total - total.round()).abs() < 1e-4, total.round(), total)  # 1 is 1
        return FlamePoints(shares, model.joints_template, model.joint_blendshapes, total, sizes)

    def with_basis(self, basis: CodeBasis) -> FlamePoints:
        """The same points as functions of reduced codes, ``codes = basis @ reduced codes``."""
        matrix = basis.matrix()
        shares = {
            joint: _JointShare(s.points, s.weight, s.base, s.dirs @ matrix, s.posedirs)
            for joint, s in self._shares.items()
        }
        return FlamePoints(shares, self._joints, self._joint_dirs @ matrix, self._weight, basis.sizes)

    def displacements(self) -> Tensor:
        """(P, 3, K) how the unposed points move with each code."""
        total = self._joints.new_zeros(self.n_points, 3, self._joint_dirs.shape[2])
        for share in self._shares.values():
            total.index_add_(0, share.points, share.dirs)
        return total

    def rest_positions(self) -> Tensor:
        """(P, 3) the points of the mean head, metres, head frame."""
        total = self._joints.new_zeros(self.n_points, 3)
        for share in self._shares.values():
            total.index_add_(0, share.points, share.base)
        return total

    def pose(self, codes: Tensor, rotations: Tensor, translation: Tensor) -> PosedPoints:
        """Pose the points.

        Args:
            codes: (B, K) in this object's basis.
            rotations: (B, 5, 3, 3) of each joint relative to its parent.
            translation: (B, 3) metres.
        """
        joints = self._joints + torch.einsum("jkc,bc->bjk", self._joint_dirs, codes)
        world_rotations, world_joints = forward_kinematics(rotations, joints)
        offsets = world_joints - (world_rotations @ joints[..., None]).squeeze(-1)
        eye = torch.eye(3, dtype=codes.dtype, device=codes.device)
        feature = (rotations[:, 1:] - eye).flatten(1)  # (B, 36)
        moved: dict[int, Tensor] = {}
        position = self._weight[:, None] * translation[:, None]
        for joint, share in self._shares.items():
            rest = share.base + torch.einsum("qkc,bc->bqk", share.dirs, codes)
            if share.posedirs is not None:
                rest = rest + torch.einsum("qkf,bf->bqk", share.posedirs, feature)
            world = rest @ world_rotations[:, joint].transpose(1, 2) + share.weight[:, None] * offsets[:, None, joint]
            moved[joint] = world
            share.add_to(position, world)
        return PosedPoints(self, position, moved, rotations, world_rotations, world_joints)


@dataclass(frozen=True)
class PosedPoints:
    """Posed points and what their derivatives need."""

    _points: FlamePoints
    position: Tensor  # (B, P, 3) world frame, metres
    _moved: Mapping[int, Tensor]  # joint -> (B, Q, 3) its term of the sum
    _rotations: Tensor  # (B, 5, 3, 3) local
    _world_rotations: Tensor  # (B, 5, 3, 3)
    _world_joints: Tensor  # (B, 5, 3)

    def in_basis(self, points: FlamePoints) -> PosedPoints:
        """The same posed points, with derivatives by the codes of ``points``: these in another basis."""
        return replace(self, _points=points)

    def pull_back(self, rows: Tensor) -> dict[str, Tensor]:
        """Chain rule: from derivatives by position to derivatives by variables.

        Args:
            rows: (B, P, R, 3) derivative of R quantities a point by the point's position; the identity gives the
                Jacobian of the positions themselves.

        Returns:
            name -> (B, P, R, D): "codes" (K), "translation" (3), and each of `ROTATIONS` (3) as the left perturbation
            ``R <- exp(delta) R`` of the joint's local rotation.
        """
        by_translation = rows * self._points._weight[:, None, None]
        jacobian = {"codes": self._by_codes(rows), "translation": by_translation}
        for joint, name in enumerate(ROTATIONS):
            jacobian[name] = self._by_rotation(rows, joint)
        return jacobian

    def _by_codes(self, rows: Tensor) -> Tensor:
        batch, _, n_rows, _ = rows.shape
        points = self._points
        total = self._offsets_by_codes(rows)
        for joint, share in points._shares.items():
            rotated = _times(rows[:, share.place], self._world_rotations[:, joint])
            # One small matrix product a point, batched over the points: (Q, B R, 3) (Q, 3, K).
            left = rotated.transpose(0, 1).reshape(len(share.points), batch * n_rows, 3)
            added = (left @ share.dirs).unflatten(1, (batch, n_rows)).transpose(0, 1)
            share.add_to(total, added)
        return total

    def _offsets_by_codes(self, rows: Tensor) -> Tensor:
        """The part through the joints: points follow their joints when these move with the codes."""
        points = self._points
        dirs = points._joint_dirs  # (5, 3, K)
        posed = [dirs[0].expand(rows.shape[0], -1, -1)]  # how each posed joint moves, (B, 3, K)
        for joint in range(1, len(PARENTS)):
            parent = PARENTS[joint]
            posed.append(posed[parent] + self._world_rotations[:, parent] @ (dirs[joint] - dirs[parent]))
        offsets = [posed[joint] - self._world_rotations[:, joint] @ dirs[joint] for joint in points._shares]
        weights = [_spread(share.weight, share.points, points.n_points) for share in points._shares.values()]
        weighted = rows[:, :, :, None, :] * torch.stack(weights, -1)[:, None, :, None]  # (B, P, R, J, 3)
        product = weighted.flatten(3).flatten(1, 2) @ torch.cat(offsets, 1)
        return product.unflatten(1, rows.shape[1:3])

    def _by_rotation(self, rows: Tensor, joint: int) -> Tensor:
        points = self._points
        parent = PARENTS[joint]
        lever = torch.zeros_like(self.position)  # what turns, seen from the joint
        for below in _descendants(joint):
            share = points._shares.get(below)
            if share is not None:
                pivot = share.weight[:, None] * self._world_joints[:, None, joint]
                share.add_to(lever, self._moved[below] - pivot)
        turned = torch.linalg.cross(lever[:, :, None].expand_as(rows), rows)  # row . (w x lever) = (lever x row) . w
        if parent < 0:
            return turned
        return _times(turned, self._world_rotations[:, parent]) + self._correctives(rows, joint)

    def _correctives(self, rows: Tensor, joint: int) -> Tensor:
        """The part through the pose blendshapes: feature = R - I of this joint."""
        total = torch.zeros_like(rows)
        generators = skew(torch.eye(3).to(rows))  # (3, 3, 3), one a direction
        by_feature = (generators @ self._rotations[:, None, joint]).flatten(2)  # (B, 3, 9)
        columns = slice(9 * (joint - 1), 9 * joint)
        for owner, share in self._points._shares.items():
            if share.posedirs is None or not share.moves[joint]:
                continue
            # Contract with the row first: 9 feature derivatives a row, then their 3 rotation derivatives.
            rotated = _times(rows[:, share.place], self._world_rotations[:, owner])
            by_entry = torch.einsum("bqri,qif->bqrf", rotated, share.posedirs[..., columns])
            share.add_to(total, _times(by_entry, by_feature.transpose(1, 2)))
        return total


def _times(rows: Tensor, matrix: Tensor) -> Tensor:
    """(B, P, R, N) times (B, N, M): one product a problem; a broadcast matmul would make one a point."""
    return (rows.flatten(1, 2) @ matrix).unflatten(1, rows.shape[1:3])


def _spread(values: Tensor, index: Tensor, size: int) -> Tensor:
    """(Q,) to their places among (size,) zeros."""
    return values.new_zeros(size).index_copy_(0, index, values)


def axis_angle_jacobian(by_perturbation: Tensor, left_jacobian: Tensor) -> Tensor:
    """From a derivative by left perturbation (B, P, R, 3) to one by the axis-angle vector, by its J_l (B, 3, 3)."""
    return _times(by_perturbation, left_jacobian)


def stack_rotations(global_rot: Tensor, neck: Tensor, jaw: Tensor, left_eye: Tensor, right_eye: Tensor) -> Tensor:
    """Five axis-angle vectors (B, 3) -> (B, 5, 3, 3)."""
    return axis_angle_to_matrix(torch.stack([global_rot, neck, jaw, left_eye, right_eye], 1))
