"""Chosen surface points of a head, posed together with their analytic Jacobian.

A surface point is a fixed mix of vertices, barycentric where they are the corners of a triangle, and linear blend
skinning is linear in the vertices. So a point is a sum over joints of "turn the share that follows this joint":

    x_p = t + J_0 + sum_j R_j y_pj
    y_pj = share_pj (template + dirs codes + posedirs feature) - w_pj J_j + sum_c W_pc (J_c - J_j)

with rest joints ``J``, which are linear in the codes too, over the children ``c`` of j; ``W_pc`` is the weight of the
point that follows c or what hangs on it, so the last sum are the bones that j turns. All that is linear is precomputed;
a joint that does not move a point costs nothing. This is exact, not an approximation of the full forward pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from shared.flame.code_basis import CodeBasis, CodeSizes
from shared.flame.model import FlameModel, forward_kinematics
from shared.flame.schema import JOINTS, PARENTS, LandmarkEmbedding
from shared.geometry.rotation import axis_angle_to_matrix, skew

ROTATIONS = ("global_rot", "neck", "jaw", "left_eye", "right_eye")  # variables, one a joint
_ALL = tuple(range(len(JOINTS)))


def _descendants(joint: int) -> list[int]:
    """The joint itself and all below it."""
    found = [joint]
    for child in range(joint + 1, len(PARENTS)):
        if PARENTS[child] in found:
            found.append(child)
    return found


@dataclass(frozen=True)
class _Share:
    """The part of the points that one joint turns."""

    joint: int
    points: Tensor  # (Q,) int64, which points
    base: Tensor  # (Q, 3) of the mean head
    dirs: Tensor  # (Q, 3, K + F) by the codes, and by the features of pose correctives

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


@dataclass(frozen=True)
class _Root:
    """The root joint, which everything is carried by."""

    weight: Tensor  # (P,) of all joints together: 1 for points, 0 for differences
    base: Tensor  # (3,) of the mean head
    dirs: Tensor  # (3, K + F)


class FlamePoints:
    """P fixed points on the surface of a head model.

    ``codes`` are the coefficients ``[shape, expression, eyelids]``: in the model's own basis (K = S + E + 2), or
    in the shorter one given to `with_basis`.
    """

    def __init__(
        self, root: _Root, shares: Sequence[_Share], corrected: Sequence[int], weight: Tensor, sizes: CodeSizes
    ) -> None:
        self._root = root
        self.shares = tuple(shares)
        self.corrected = tuple(corrected)  # joints whose rotation has correctives: nine features each, F in all
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
        found = {joint: (weights[..., _descendants(joint)].abs().sum((1, 2)) > 0).nonzero()[:, 0] for joint in _ALL}
        posedirs = {
            joint: torch.einsum("qc,qckf->qkf", weights[points][..., joint], model.posedirs[corners[points]])
            for joint, points in found.items()
        }
        moving = torch.cat(list(posedirs.values())).unflatten(2, (len(JOINTS) - 1, 9)) != 0
        corrected = [joint for joint in _ALL[1:] if bool(moving[:, :, joint - 1].any())]
        columns = [9 * (joint - 1) + entry for joint in corrected for entry in range(9)]
        # By the codes, joints move; the features leave them.
        template, features = model.joints_template[..., None], model.joints_template.new_zeros(5, 3, len(columns))
        joints = torch.cat([template, model.joint_blendshapes, features], -1)  # (5, 3, 1 + K + F)
        below = torch.stack([weights[..., _descendants(joint)].sum((1, 2)) for joint in _ALL], 1)  # (P, 5)
        shares: list[_Share] = []
        for joint, points in found.items():
            if not len(points):
                continue
            index, share = corners[points], weights[points][..., joint]
            own = torch.cat([rest[points][..., None], model.blendshapes[index]], -1)
            moved = torch.cat([torch.einsum("qc,qckd->qkd", share, own), posedirs[joint][..., columns]], -1)
            moved = moved - share.sum(1)[:, None, None] * joints[joint]
            for child in (c for c, parent in enumerate(PARENTS) if parent == joint):
                moved = moved + below[points, child, None, None] * (joints[child] - joints[joint])
            shares.append(_Share(joint, points, moved[..., 0].contiguous(), moved[..., 1:].contiguous()))
        sizes = CodeSizes(model.n_shape, model.n_expression)
        total = barycentric.sum(1)
        total = torch.where((total - total.round()).abs() < 1e-4, total.round(), total)  # 1 is 1
        root = _Root(below[:, 0], joints[0, :, 0], joints[0, :, 1:])
        return FlamePoints(root, shares, corrected, total, sizes)

    def with_basis(self, basis: CodeBasis) -> FlamePoints:
        """The same points as functions of reduced codes, ``codes = basis @ reduced codes``."""
        matrix = torch.block_diag(basis.matrix(), torch.eye(9 * len(self.corrected)).to(basis.shape))
        shares = [replace(share, dirs=share.dirs @ matrix) for share in self.shares]
        root = replace(self._root, dirs=self._root.dirs @ matrix)
        return FlamePoints(root, shares, self.corrected, self._weight, basis.sizes)

    def displacements(self) -> Tensor:
        """(P, 3, K) how the unposed points move with each code."""
        total = self._root.weight[:, None, None] * self._root.dirs
        for share in self.shares:
            total.index_add_(0, share.points, share.dirs)
        return total[..., : self.sizes.total]

    def rest_positions(self) -> Tensor:
        """(P, 3) the points of the mean head, metres, head frame."""
        total = self._root.weight[:, None] * self._root.base
        for share in self.shares:
            total.index_add_(0, share.points, share.base)
        return total

    def pose(self, codes: Tensor, rotations: Tensor, translation: Tensor) -> PosedPoints:
        """Pose the points.

        Args:
            codes: (B, K) in this object's basis.
            rotations: (B, 5, 3, 3) of each joint relative to its parent.
            translation: (B, 3) metres.
        """
        world_rotations, _ = forward_kinematics(rotations, torch.zeros_like(rotations[..., 0]))
        eye = torch.eye(3, dtype=codes.dtype, device=codes.device)
        features = (rotations[:, self.corrected] - eye).flatten(1)
        inputs = torch.cat([codes, features], 1)  # (B, K + F)
        moved: dict[int, Tensor] = {}
        root = self._root.base + inputs @ self._root.dirs.T
        position = self._weight[:, None] * translation[:, None] + self._root.weight[:, None] * root[:, None]
        for share in self.shares:
            world = share.base + (inputs @ share.dirs.flatten(0, 1).T).unflatten(1, (-1, 3))
            moved[share.joint] = world @ world_rotations[:, share.joint].transpose(1, 2)
            share.add_to(position, moved[share.joint])
        return PosedPoints(self, position, moved, rotations, world_rotations)

    @cached_property
    def wide(self) -> tuple[_Share, ...]:
        """Shares of half of the points and more."""
        return tuple(share for share in self.shares if 2 * len(share.points) >= self.n_points)

    @cached_property
    def narrow(self) -> tuple[_Share, ...]:
        """The others."""
        return tuple(share for share in self.shares if 2 * len(share.points) < self.n_points)

    @cached_property
    def wide_dirs(self) -> Tensor:
        """(P, 3 + 3 W, K + F) of the root and the W wide shares, side by side."""
        blocks = [self._root.weight[:, None, None] * self._root.dirs]
        for share in self.wide:
            blocks.append(torch.zeros_like(blocks[0]).index_copy_(0, share.points, share.dirs))
        return torch.cat(blocks, 1)


@dataclass(frozen=True)
class PosedPoints:
    """Posed points and what their derivatives need."""

    _points: FlamePoints
    position: Tensor  # (B, P, 3) world frame, metres
    _moved: Mapping[int, Tensor]  # joint -> (B, Q, 3) its term of the sum
    _rotations: Tensor  # (B, 5, 3, 3) local
    _world_rotations: Tensor  # (B, 5, 3, 3)

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
        by_codes, by_features = self._by_inputs(rows).tensor_split([self._points.sizes.total], -1)
        jacobian = {"codes": by_codes, "translation": by_translation}
        for joint, name in enumerate(ROTATIONS):
            jacobian[name] = self._by_rotation(rows, joint, by_features)
        return jacobian

    def _by_inputs(self, rows: Tensor) -> Tensor:
        """(B, P, R, K + F) by the codes and by the features of pose correctives."""
        points = self._points
        wide = torch.cat([rows, *(self._before(rows, share) for share in points.wide)], -1)  # (B, P, R, 3 + 3 W)
        # One small matrix product a point, batched over the points: (P, B R, 3 + 3 W) (P, 3 + 3 W, K + F).
        product = wide.transpose(0, 1).flatten(1, 2) @ points.wide_dirs
        total = product.unflatten(1, (rows.shape[0], rows.shape[2])).transpose(0, 1).contiguous()
        for share in points.narrow:
            share.add_to(total, self._before(rows[:, share.place], share) @ share.dirs)
        return total

    def _before(self, rows: Tensor, share: _Share) -> Tensor:
        """From derivatives by positions (B, Q, R, 3) to those by the share's positions before its joint turns them."""
        return _times(rows, self._world_rotations[:, share.joint])

    def _by_rotation(self, rows: Tensor, joint: int, by_features: Tensor) -> Tensor:
        parent = PARENTS[joint]
        total = self._correctives(joint, by_features) if joint in self._points.corrected else torch.zeros_like(rows)
        carried = [share for share in self._points.shares if share.joint in _descendants(joint)]
        if carried:
            lever = torch.zeros_like(self.position)  # what turns, seen from the joint
            for share in carried:
                share.add_to(lever, self._moved[share.joint])
            mine = rows[:, carried[0].place]  # the joint's own share is of all points that it carries
            # row . (w x lever) = (lever x row) . w
            turned = torch.linalg.cross(lever[:, carried[0].place, None].expand_as(mine), mine)
            carried[0].add_to(total, turned if parent < 0 else _times(turned, self._world_rotations[:, parent]))
        return total

    def _correctives(self, joint: int, by_features: Tensor) -> Tensor:
        """The part through the pose blendshapes: feature = R - I of this joint."""
        generators = skew(torch.eye(3).to(by_features))  # (3, 3, 3), one a direction
        by_feature = (generators @ self._rotations[:, None, joint]).flatten(2)  # (B, 3, 9)
        start = 9 * self._points.corrected.index(joint)
        return _times(by_features[..., start : start + 9], by_feature.transpose(1, 2))


def _times(rows: Tensor, matrix: Tensor) -> Tensor:
    """(B, P, R, N) times (B, N, M): one product a problem; a broadcast matmul would make one a point."""
    return (rows.flatten(1, 2) @ matrix).unflatten(1, rows.shape[1:3])


def axis_angle_jacobian(by_perturbation: Tensor, left_jacobian: Tensor) -> Tensor:
    """From a derivative by left perturbation (B, P, R, 3) to one by the axis-angle vector, by its J_l (B, 3, 3)."""
    return _times(by_perturbation, left_jacobian)


def stack_rotations(global_rot: Tensor, neck: Tensor, jaw: Tensor, left_eye: Tensor, right_eye: Tensor) -> Tensor:
    """Five axis-angle vectors (B, 3) -> (B, 5, 3, 3)."""
    return axis_angle_to_matrix(torch.stack([global_rot, neck, jaw, left_eye, right_eye], 1))
