"""The pinhole camera: OpenCV axes, pixel domain [0, W] x [0, H]. See CONVENTIONS.md."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.records.tensor_record import TensorRecord


@dataclass(frozen=True)
class Pinhole(TensorRecord):
    """Intrinsics in pixels, and the pose of the world in the camera frame: all that posing and projecting need."""

    focal_px: Tensor  # (..., 2) fx, fy
    center_px: Tensor  # (..., 2) cx, cy
    T_cam_world: Tensor  # (..., 4, 4)

    def world_to_cam(self, points_world: Tensor) -> Tensor:
        """(..., N, 3) metres in the world -> (..., N, 3) metres in the camera frame."""
        rotation, translation = self.T_cam_world[..., :3, :3], self.T_cam_world[..., :3, 3]
        return points_world @ rotation.transpose(-1, -2) + translation[..., None, :]

    def project(self, points_world: Tensor) -> Tensor:
        """(..., N, 3) metres in the world -> (..., N, 2) pixels. Points must lie in front of the camera."""
        return self.project_cam(self.world_to_cam(points_world))

    def project_cam(self, points_cam: Tensor) -> Tensor:
        """(..., N, 3) metres in the camera frame -> (..., N, 2) pixels."""
        normalised = points_cam[..., :2] / points_cam[..., 2:]
        return normalised * self.focal_px[..., None, :] + self.center_px[..., None, :]

    def unproject(self, points_px: Tensor, depth_m: Tensor) -> Tensor:
        """(..., N, 2) pixels at depths (..., N) along z -> (..., N, 3) metres in the world."""
        normalised = (points_px - self.center_px[..., None, :]) / self.focal_px[..., None, :]
        points_cam = torch.cat([normalised, torch.ones_like(normalised[..., :1])], -1) * depth_m[..., None]
        rotation, translation = self.T_cam_world[..., :3, :3], self.T_cam_world[..., :3, 3]
        return (points_cam - translation[..., None, :]) @ rotation


@dataclass(frozen=True)
class Camera(Pinhole):
    """The camera of an image of ``size``."""

    size: tuple[int, int]  # (height, width) in pixels

    @staticmethod
    def at_origin(focal_px: Tensor, size: tuple[int, int], center_px: Tensor | None = None) -> Camera:
        """The camera of the fits: at the world's origin, looking along -z of a y-up world.

        A head with zero rotation faces it. ``focal_px`` (...) holds for x and y; the centre (..., 2) defaults to the
        middle.
        """
        focal_px = focal_px[..., None].expand(*focal_px.shape, 2)
        if center_px is None:
            center_px = focal_px.new_tensor([size[1] / 2, size[0] / 2]).expand_as(focal_px)
        T_cam_world = torch.diag(focal_px.new_tensor([1.0, -1.0, -1.0, 1.0]))
        return Camera(focal_px, center_px, T_cam_world.expand(*focal_px.shape[:-1], 4, 4), size)

    def warped(self, affine: Tensor, size: tuple[int, int]) -> Camera:
        """The same view after an axis-aligned affine map (..., 2, 3) of its pixels, such as a crop's.

        ``size`` is (height, width) of the new image in pixels.
        """
        scale = torch.diagonal(affine[..., :2], dim1=-2, dim2=-1)
        return replace(
            self,
            focal_px=self.focal_px * scale,
            center_px=self.center_px * scale + affine[..., 2],
            size=size,
        )

    def resized(self, size: tuple[int, int]) -> Camera:
        """The same view at another resolution (height, width)."""
        scale = self.focal_px.new_tensor([size[1] / self.size[1], size[0] / self.size[0]])
        return replace(self, focal_px=self.focal_px * scale, center_px=self.center_px * scale, size=size)
