"""A portrait as a `FaceView`: where the chosen vertices are, and which pixels show the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.flame.model import FlameModel, forward_kinematics
from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.geometry.rotation import axis_angle_to_matrix
from shared.synthetic.face.parts import split_faces
from shared.synthetic.own_face import is_own_face
from shared.synthetic.scene.portrait import Portrait, PortraitTruth
from shared.synthetic.storage.detection import Detection
from teacher.prior.data.face_view import SHOWS_HEAD, FaceView
from teacher.prior.geometry.texels import Texels

_TEXELS = 512


@dataclass(frozen=True, eq=False)
class PortraitViews:
    """Turns portraits of one head model into views with N of its vertices."""

    poser: VertexPoser
    vertices: Tensor  # (N,) int64
    skin: np.ndarray  # (T, T) bool over the head's texture: neither eyes nor the inside of the mouth

    @staticmethod
    def of(assets: FlameAssets, vertices: Tensor | None) -> PortraitViews:
        """No vertices: views without points."""
        chosen = torch.zeros(0, dtype=torch.int64) if vertices is None else vertices.cpu()
        skin = torch.zeros(len(assets.faces), dtype=torch.bool)
        skin[split_faces(assets)["skin"]] = True
        return PortraitViews(
            VertexPoser.of(assets, chosen), chosen, skin[Texels.of(assets, _TEXELS).face_index].numpy()
        )

    def view(self, portrait: Portrait, detection: Detection | None) -> FaceView:
        """A portrait and what the landmarker found on it. SampleError if a number is not finite."""
        truth = portrait.truth
        camera = truth.camera
        inside = (truth.depth_m > 0).numpy()
        part = truth.part.numpy()
        rotations = _rotations(truth)
        points_cam = camera.world_to_cam(self.poser.pose(truth, rotations))
        detected_px = None if detection is None else detection.landmarks_px
        if detected_px is not None and not is_own_face(detected_px, truth.landmarks_px):
            detected_px = None
        depth_m = float(truth.depth_m.sum()) / max(int(inside.sum()), 1)
        return FaceView(
            image=portrait.image,
            normal=_channels_last(truth.normal),
            normal_frame="camera",
            uv=_channels_last(truth.uv),
            valid=SHOWS_HEAD[part] & inside,
            hidden=(part == Part.OCCLUDER) & inside & self._is_skin(truth.uv.numpy()),
            part=part,
            camera=camera,
            R_cam_head=camera.T_cam_world[:3, :3] @ rotations[0],
            points_px=camera.project_cam(points_cam),
            points_visible=truth.vertex_visible[self.vertices],
            points_known=torch.ones(len(self.vertices), dtype=torch.bool),
            px_per_m=float(camera.focal_px[0]) / depth_m if depth_m else 0.0,
            outline_px=truth.landmarks_px,
            detected_px=detected_px,
        ).check()

    def _is_skin(self, uv: np.ndarray) -> np.ndarray:
        """(H, W) bool of a UV map (2, H, W)."""
        column, row = (uv * _TEXELS).astype(np.int64).clip(0, _TEXELS - 1)
        return self.skin[row, column]


@dataclass(frozen=True, eq=False)
class VertexPoser:
    """Some vertices of a head, posed as `FlameModel` does, for one head at a time.

    The identity is not summed again: portraits hold their people's neutral meshes.
    """

    vertices: Tensor  # (N,) int64
    dirs: Tensor  # (N * 3, E + 2 + 36) of expression, eyelids, and the correctives of the pose
    weights: Tensor  # (N, 5)
    joints: Tensor  # (5, 3) of the mean head
    joint_dirs: Tensor  # (15, S + E + 2)

    @staticmethod
    def of(assets: FlameAssets, vertices: Tensor) -> VertexPoser:
        """For vertices (N,) of a head model."""
        model = FlameModel(assets)
        dirs = torch.cat([model.blendshapes[vertices][..., model.n_shape :], model.posedirs[vertices]], 2)
        return VertexPoser(
            vertices,
            dirs.flatten(0, 1).contiguous(),
            model.lbs_weights[vertices],
            model.joints_template,
            model.joint_blendshapes.flatten(0, 1).contiguous(),
        )

    def pose(self, truth: PortraitTruth, rotations: Tensor) -> Tensor:
        """(N, 3) world frame, metres. Rotations (5, 3, 3) are of each joint relative to its parent."""
        params = truth.params
        moving = torch.cat([params.expression, params.eyelids])
        joints = self.joints + (self.joint_dirs @ torch.cat([params.shape, moving])).reshape(5, 3)
        world_rotations, world_joints = forward_kinematics(rotations, joints)
        feature = (rotations[1:] - torch.eye(3)).flatten()
        rest = truth.neutral_m[self.vertices] + (self.dirs @ torch.cat([moving, feature])).reshape(-1, 3)
        offsets = world_joints - (world_rotations @ joints[..., None])[..., 0]
        mixed = (self.weights @ world_rotations.reshape(5, 9)).reshape(-1, 3, 3)
        return (mixed @ rest[..., None])[..., 0] + self.weights @ offsets + params.translation


def _rotations(truth: PortraitTruth) -> Tensor:
    """(5, 3, 3) of each joint relative to its parent."""
    params = truth.params
    return axis_angle_to_matrix(torch.stack([params.global_rot, params.neck, params.jaw, *params.eyes]))


def _channels_last(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.permute(1, 2, 0).numpy())
