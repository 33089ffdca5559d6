"""Where occluders touch: the skin of one posed head in the frame of its skull."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.landmarks import OUTER_EYE_CORNERS
from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.geometry.meshes import unit
from shared.synthetic.occluders.shapes import Mesh
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import Material, PosedHead, Surface

_INSIDE = ("eyes", "mouth_interior", "teeth", "tongue", "sockets")
_AZIMUTHS, _LOWEST, _ELEVATIONS = 48, math.radians(-65), 40  # grid of the shell
_NEIGHBOURS = 4
_PROFILE = math.radians(22)  # turned more than this, a face hides what is on its far side
_PROBES = 220  # points of a thing that feel for the skin: more take time and find nothing new


@dataclass(frozen=True, eq=False)
class SkullChart:
    """What is the same for every head of one model."""

    outer: Tensor  # (N,) int64, vertices of the outer skin with neck, without ears
    centre_from_eyes_m: Tensor  # (3,) the middle of the skull from the middle of the outer eye corners
    shell_vertex: Tensor  # (E, A, K) int64, rows of ``outer`` near each direction of the shell
    shell_weight: Tensor  # (E, A, K) sum 1
    ears: tuple[Tensor, Tensor]  # (M,) int64 vertices of the left and the right ear

    @staticmethod
    def of(assets: FlameAssets) -> SkullChart:
        """Build the chart. KeyError if the head has no "mediapipe" landmarks or no ears."""
        inner = torch.zeros(assets.n_vertices, dtype=torch.bool, device=assets.faces.device)
        for name in _INSIDE:
            if name in assets.regions:
                inner |= assets.region(name)
        ears = assets.region("left_ear"), assets.region("right_ear")
        outer = (~(inner | ears[0] | ears[1])).nonzero()[:, 0]
        landmarks = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces)
        eyes = landmarks[list(OUTER_EYE_CORNERS)].mean(0)
        centre_from_eyes = assets.v_template.new_tensor([0.0, 0.022, -0.065])
        direction = unit(assets.v_template[outer] - eyes - centre_from_eyes)
        cosine = _shell_directions().to(direction) @ direction.T
        nearest = cosine.topk(_NEIGHBOURS, -1)
        weight = 1 / (1 - nearest.values + 2e-3)
        return SkullChart(
            outer,
            centre_from_eyes,
            nearest.indices,
            weight / weight.sum(-1, keepdim=True),
            (ears[0].nonzero()[:, 0], ears[1].nonzero()[:, 0]),
        )


def _shell_directions() -> Tensor:
    """(E, A, 3) from the crown down; azimuth 0 is the face, then the subject's left."""
    elevation = torch.linspace(math.pi / 2, _LOWEST, _ELEVATIONS)[:, None]
    azimuth = torch.arange(_AZIMUTHS)[None] * (2 * math.pi / _AZIMUTHS)
    return directions(azimuth, elevation)


def directions(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Unit vectors (..., 3), head frame, of angles in radians that broadcast."""
    azimuth, elevation = torch.broadcast_tensors(azimuth, elevation)
    level = elevation.cos()
    return torch.stack([level * azimuth.sin(), elevation.sin(), level * azimuth.cos()], -1)


@dataclass(frozen=True, eq=False)
class HeadFit:
    """One posed head in the frame of its skull: the head frame of the neutral mesh, which the neck has not moved."""

    skin_m: Tensor  # (N, 3) outer skin without ears, posed
    marks_m: Tensor  # (478, 3) MediaPipe's landmarks, posed
    rest_marks_m: Tensor  # (478, 3) the same of the neutral head
    ears_m: tuple[Tensor, Tensor]  # (M, 3) left and right ear
    centre_m: Tensor  # (3,) middle of the skull
    shell_m: Tensor  # (E, A) distance of the neutral skin from the middle
    camera_m: Tensor  # (3,)
    T_world_skull: Tensor  # (4, 4)
    traits: Traits

    @staticmethod
    def of(chart: SkullChart, head: PosedHead, traits: Traits) -> HeadFit:
        """Fit to one head."""
        device = head.verts_m.device
        rotation, origin = head.T_world_skull[:3, :3], head.T_world_skull[:3, 3]
        outer = chart.outer.to(device)
        rest_marks = head.neutral_landmarks_m
        centre = rest_marks[list(OUTER_EYE_CORNERS)].mean(0) + chart.centre_from_eyes_m.to(device)
        distance = (head.neutral_m[outer] - centre).norm(dim=1)
        shell = (distance[chart.shell_vertex.to(device)] * chart.shell_weight.to(device)).sum(-1)
        camera = -head.camera.T_cam_world[:3, :3].T @ head.camera.T_cam_world[:3, 3]
        left, right = (head.neutral_m[ear.to(device)] for ear in chart.ears)
        return HeadFit(
            skin_m=(head.verts_m[outer] - origin) @ rotation,
            marks_m=(head.landmarks_m() - origin) @ rotation,
            rest_marks_m=rest_marks,
            ears_m=(left, right),
            centre_m=centre,
            shell_m=_blur(_blur(shell)),
            camera_m=(camera - origin) @ rotation,
            T_world_skull=head.T_world_skull,
            traits=traits,
        )

    def new(self, values: object) -> Tensor:
        """A float32 tensor on the head's device."""
        return self.skin_m.new_tensor(values)

    @property
    def seen_side(self) -> float:
        """Which side of the face the camera sees: 1 the subject's left, -1 the right, 0 both."""
        towards = self.camera_m - self.centre_m
        azimuth = math.atan2(float(towards[0]), float(towards[2]))
        return 0.0 if abs(azimuth) < _PROFILE else math.copysign(1.0, azimuth)

    def skull_radius(self, azimuth: Tensor, elevation: Tensor) -> Tensor:
        """(...) distance of the skin from ``centre_m`` in a direction, without ears; smooth, bilinear."""
        column = (azimuth / (2 * math.pi) * _AZIMUTHS) % _AZIMUTHS
        row = ((math.pi / 2 - elevation) / (math.pi / 2 - _LOWEST) * (_ELEVATIONS - 1)).clamp(0, _ELEVATIONS - 1.001)
        left, top = column.long() % _AZIMUTHS, row.long()
        right, along, down = (left + 1) % _AZIMUTHS, column - column.floor(), row - top
        upper = torch.lerp(self.shell_m[top, left], self.shell_m[top, right], along)
        lower = torch.lerp(self.shell_m[top + 1, left], self.shell_m[top + 1, right], along)
        return torch.lerp(upper, lower, down)

    def clearance_m(self, points_m: Tensor, direction: Tensor, reach_m: float = 0.006) -> Tensor:
        """() how far the points (N, 3) must move along a unit direction to be in front of the skin; may be negative.

        A point has to pass the skin that lies within ``reach_m`` of its path.
        """
        points_m = points_m[:: max(1, len(points_m) // _PROBES)]
        skin = self.skin_m[(self.skin_m - self.centre_m) @ direction > 0]
        across = torch.cdist(points_m - (points_m @ direction)[:, None] * direction,
                             skin - (skin @ direction)[:, None] * direction)  # fmt: skip
        lack = torch.where(across < reach_m, skin @ direction, -1.0).amax(1) - points_m @ direction
        return lack.amax()

    def front_z(self, points_m: Tensor, reach_m: float) -> Tensor:
        """(N,) z of the foremost skin within ``reach_m`` of points (N, >= 2) in x and y; -1 beside the head."""
        near = torch.cdist(points_m[:, :2], self.skin_m[:, :2]) < reach_m
        return torch.where(near, self.skin_m[:, 2], -1.0).amax(1)

    def surface(
        self,
        name: str,
        mesh: Mesh,
        material: Material,
        *,
        part: Part = Part.OCCLUDER,
        cover: Tensor | None = None,
        normals: Tensor | None = None,
        casts_shadow: bool = True,
    ) -> Surface:
        """The mesh and its (V, 3) normals, given in the skull's frame, as a part of the scene."""
        rotation = self.T_world_skull[:3, :3]
        return Surface(
            name=name,
            verts_m=mesh.verts_m @ rotation.T + self.T_world_skull[:3, 3],
            faces=mesh.faces,
            part=part,
            material=material,
            uv=mesh.uv,
            cover=cover,
            normals=None if normals is None else normals @ rotation.T,
            casts_shadow=casts_shadow,
        )


def _blur(values: Tensor) -> Tensor:
    """(E, A) averaged with neighbours; round in azimuth."""
    values = 0.5 * values + 0.25 * (values.roll(1, 1) + values.roll(-1, 1))
    padded = torch.cat([values[:1], values, values[-1:]])
    return 0.5 * values + 0.25 * (padded[:-2] + padded[2:])
