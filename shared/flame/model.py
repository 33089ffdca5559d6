"""The FLAME forward pass: parameters to vertices.

Same mathematics as `smplx.FLAME` (Loper et al. 2015, Li et al. 2017): blendshapes, regressed joints, pose correctives,
linear blend skinning. Tests compare value and gradient with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shared.flame.params import FlameParams
from shared.flame.schema import PARENTS, FlameAssets
from shared.geometry.rotation import axis_angle_to_matrix
from shared.records.tensor_record import TensorRecord


@dataclass(frozen=True)
class FlameOutput(TensorRecord):
    """A posed head in the world frame, metres."""

    verts_m: Tensor  # (..., V, 3)
    joints_m: Tensor  # (..., 5, 3) posed joints


class FlameModel(nn.Module):
    """Differentiable head model of fixed assets. Buffers follow ``.to(...)``; it has no trainable weights."""

    v_template: Tensor
    directions: Tensor
    joints_template: Tensor
    joint_blendshapes: Tensor
    lbs_weights: Tensor
    faces: Tensor

    def __init__(self, assets: FlameAssets) -> None:
        super().__init__()
        self.assets = assets
        blendshapes = torch.cat([assets.shapedirs, assets.expressiondirs], 2)  # (V, 3, S+E)
        # FLAME regresses joints from shape and expression; lids are later additions and leave the joints alone.
        double = assets.joint_regressor.double()
        joints_template = double @ assets.v_template.double()
        joint_blendshapes = torch.einsum("jv,vkc->jkc", double, blendshapes.double())
        blendshapes = torch.cat([blendshapes, assets.eyelid_dirs], 2)  # (V, 3, S+E+2)
        joint_blendshapes = torch.cat([joint_blendshapes, torch.zeros(5, 3, 2, dtype=torch.float64)], 2)
        for name, tensor in {
            "v_template": assets.v_template,
            "directions": torch.cat([blendshapes, assets.posedirs], 2).permute(2, 0, 1).flatten(1),
            "joints_template": joints_template.to(assets.v_template.dtype),
            "joint_blendshapes": joint_blendshapes.to(assets.v_template.dtype),
            "lbs_weights": assets.lbs_weights,
            "faces": assets.faces,
        }.items():
            self.register_buffer(name, tensor.clone(memory_format=torch.contiguous_format), persistent=False)

    # One row a code, so that posing one head reads the rows in a stream: three times faster than one row a vertex.
    @property
    def blendshapes(self) -> Tensor:
        """(V, 3, S+E+2) directions of shape, expression and lids; a view."""
        return self.directions[:-36].unflatten(1, (-1, 3)).permute(1, 2, 0)

    @property
    def posedirs(self) -> Tensor:
        """(V, 3, 36) directions of the pose correctives; a view."""
        return self.directions[-36:].unflatten(1, (-1, 3)).permute(1, 2, 0)

    @property
    def n_shape(self) -> int:
        """S."""
        return self.assets.n_shape

    @property
    def n_expression(self) -> int:
        """E."""
        return self.assets.n_expression

    def neutral_params(self, *batch: int) -> FlameParams:
        """The mean head, on this model's device and dtype."""
        return FlameParams.neutral(
            self.n_shape, self.n_expression, batch, self.v_template.device, self.v_template.dtype
        )

    def coefficients(self, params: FlameParams) -> Tensor:
        """(..., S+E+2) the codes in the order of ``blendshapes``. ValueError on a wrong size."""
        for name, want in (("shape", self.n_shape), ("expression", self.n_expression), ("eyelids", 2)):
            got = getattr(params, name).shape[-1]
            if got != want:
                raise ValueError(f"{name} has {got} coefficients but head {self.assets.name!r} takes {want}")
        return torch.cat([params.shape, params.expression, params.eyelids], -1)

    def rest_joints(self, coefficients: Tensor) -> Tensor:
        """(..., 5, 3) joints of the shaped head before it is posed, metres, head frame."""
        return self.joints_template + torch.einsum("jkc,...c->...jk", self.joint_blendshapes, coefficients)

    def forward(self, params: FlameParams) -> FlameOutput:
        """Pose the head. Leading dimensions of ``params`` are kept."""
        coefficients = self.coefficients(params)
        joints = self.rest_joints(coefficients)

        rotations = local_rotations(params)
        pose_feature = (rotations[..., 1:, :, :] - torch.eye(3, dtype=joints.dtype, device=joints.device)).flatten(-3)
        moved = torch.cat([coefficients, pose_feature], -1) @ self.directions
        verts = self.v_template + moved.unflatten(-1, (-1, 3))

        world_rotations, world_joints = forward_kinematics(rotations, joints)
        offsets = world_joints - (world_rotations @ joints[..., None]).squeeze(-1)
        transforms = torch.cat([world_rotations, offsets[..., None]], -1).flatten(-2)  # (..., 5, 12)
        blended = (self.lbs_weights @ transforms).unflatten(-1, (3, 4))  # (..., V, 3, 4)
        posed = (blended[..., :3] @ verts[..., None]).squeeze(-1) + blended[..., 3]
        shift = params.translation[..., None, :]
        return FlameOutput(posed + shift, world_joints + shift)


def local_rotations(params: FlameParams) -> Tensor:
    """(..., 5, 3, 3) rotation of each joint relative to its parent."""
    stacked = torch.stack(
        [params.global_rot, params.neck, params.jaw, params.eyes[..., 0, :], params.eyes[..., 1, :]], -2
    )
    return axis_angle_to_matrix(stacked)


def forward_kinematics(rotations: Tensor, joints: Tensor) -> tuple[Tensor, Tensor]:
    """Local rotations (..., 5, 3, 3) and rest joints (..., 5, 3) -> world rotations and posed joints, root unmoved."""
    world_rotations, world_joints = [rotations[..., 0, :, :]], [joints[..., 0, :]]
    for joint in range(1, len(PARENTS)):
        parent = PARENTS[joint]
        world_rotations.append(world_rotations[parent] @ rotations[..., joint, :, :])
        bone = joints[..., joint, :] - joints[..., parent, :]
        world_joints.append(world_joints[parent] + (world_rotations[parent] @ bone[..., None]).squeeze(-1))
    return torch.stack(world_rotations, -3), torch.stack(world_joints, -2)
