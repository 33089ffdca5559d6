"""The network and the head it predicts as one module of plain tensors, which exporters can follow."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel, forward_kinematics, local_rotations
from shared.flame.params import FlameParams
from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from student.deploy.signature import input_ports
from student.head.pose import SightPose, unplaced_params
from student.network.model import StudentNetwork
from student.network.records import StudentInput, StudentOutput

_N_LANDMARKS = 478


class ExportedStudent(nn.Module):
    """Inputs and outputs are those of `signature`, in its order.

    The head is posed along the network's directions alone: the same head as with all codes, at a third of the size.

    Args:
        network: in eval mode, on the CPU.
        assets: of the head whose coefficients it predicts.
    """

    faces: Tensor
    corners: Tensor
    weights: Tensor
    place: Tensor

    def __init__(self, network: StudentNetwork, assets: FlameAssets) -> None:
        super().__init__()
        self.network = network
        self.inputs = tuple(port.name for port in input_ports(network.config))
        basis = network.basis
        self.head = FlameModel(
            replace(
                assets,
                shapedirs=assets.shapedirs @ basis.shape,
                expressiondirs=assets.expressiondirs @ basis.expression,
            )
        )
        # 16 bits hold a direction of some millimetres to a micrometre, and the file is smaller by a quarter.
        self.head.directions.copy_(self.head.directions.half())
        known, embedding = mediapipe_embedding(assets)
        place = torch.full((_N_LANDMARKS,), len(known)).index_copy_(0, known, torch.arange(len(known)))
        self.register_buffer("faces", assets.faces.clone())
        self.register_buffer("corners", assets.faces[embedding.face_index])  # (P, 3)
        self.register_buffer("weights", embedding.barycentric[..., None].clone())  # (P, 3, 1)
        self.register_buffer("place", place)  # (478,) row among the P, or P where the head does not know it

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Crops (B, ...) -> heads (B, ...)."""
        given = dict(zip(self.inputs, inputs, strict=True))
        focal, center = given["focal_px"], given["center_px"]
        output = self.network(self._network_input(given))
        params, verts_cam, marks = self._posed(output, focal, center)
        basis = self.network.basis
        return (
            output.shape,
            output.expression,
            output.eyelids,
            output.neck,
            output.jaw,
            output.eyes,
            output.R_sight_face,
            output.anchor_px,
            output.log_scale,
            output.log_std,
            output.shape @ basis.shape.T,
            output.expression @ basis.expression.T,
            params.global_rot,
            params.translation,
            verts_cam,
            marks,
            self.faces.clone(),
            basis.shape.clone(),
            basis.expression.clone(),
            self.network.anchor_m.clone(),
        )

    def _network_input(self, given: dict[str, Tensor]) -> StudentInput:
        focal = given["focal_px"]
        nothing = focal[:, None, None]
        return StudentInput(
            image=given.get("image", nothing),  # not looked at where it is not given
            landmarks_px=given.get("landmarks_px", nothing),
            has_landmarks=given.get("has_landmarks", focal),
            focal_px=focal,
            blendshapes=given.get("blendshapes", nothing),
        )

    def _posed(self, output: StudentOutput, focal_px: Tensor, center_px: Tensor) -> tuple[FlameParams, Tensor, Tensor]:
        size = self.network.config.size
        camera = Camera.at_origin(focal_px, (size, size), center_px)
        unplaced = unplaced_params(output.shape, output.expression, output)
        pose = SightPose(output.R_sight_face, output.anchor_px, output.log_scale).in_camera(focal_px, center_px)
        params = pose.placed(unplaced, camera, self.head, self.network.anchor_m)
        verts_cam = camera.world_to_cam(posed_vertices(self.head, params))
        marks = camera.project_cam((verts_cam[:, self.corners] * self.weights).sum(2))
        padded = torch.cat([marks, torch.zeros_like(marks[:, :1])], 1)
        return params, verts_cam, padded[:, self.place]


def posed_vertices(head: FlameModel, params: FlameParams) -> Tensor:
    """(B, V, 3) as `FlameModel.forward` gives them, world frame, metres.

    A rotation a vertex is applied by sums of products; as small matrix products, ONNX Runtime takes five times as long.
    """
    codes = head.coefficients(params)
    joints, rotations = head.rest_joints(codes), local_rotations(params)
    feature = (rotations[:, 1:] - torch.eye(3)).flatten(1)
    verts = head.v_template + (torch.cat([codes, feature], 1) @ head.directions).unflatten(1, (-1, 3))
    turns, places = forward_kinematics(rotations, joints)
    shifts = places - (turns @ joints[..., None])[..., 0]  # (B, 5, 3)
    turn = (head.lbs_weights @ turns.flatten(2)).unflatten(2, (3, 3))  # (B, V, 3, 3) mixed
    return (turn * verts[:, :, None]).sum(3) + head.lbs_weights @ shifts + params.translation[:, None]
