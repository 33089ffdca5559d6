"""What stands before the camera: triangle meshes, each with a material and a name in the truth.

A `Scene` is made of `Surface`s in the world frame (the camera of `Camera.at_origin`: at the origin, y up, looking along
-z). The renderer finds which surface every sub-pixel sees and asks that surface's material what it looks like there;
light is added afterwards, the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from shared.flame.params import FlameParams
from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.geometry.camera import Camera
from shared.geometry.meshes import vertex_normals
from shared.geometry.rotation import axis_angle_to_matrix
from shared.render.cover import DITHER, Cover
from shared.render.interpolate import mix_corners
from shared.render.rasterizer import Fragments, rasterize


@dataclass(frozen=True, eq=False)
class Surface:
    """One mesh of the scene."""

    name: str
    verts_m: Tensor  # (V, 3) float32, world
    faces: Tensor  # (F, 3) int64; seen from both sides
    part: Part | Tensor  # of the whole surface, or (F,) uint8
    material: Material
    uv: Tensor | None = None  # (F, 3, 2) per corner, origin at the top left; wraps around outside [0, 1]
    cover: Tensor | None = None  # (h, w) uint8 opacity over uv, for hair and lashes; None: opaque
    part_map: Tensor | None = None  # (h, w) uint8 over uv: overrides ``part`` where not 0
    normals: Tensor | None = None  # (V, 3) unit, world; from the triangles if None
    casts_shadow: bool = True

    @cached_property
    def vertex_normals(self) -> Tensor:
        """(V, 3) unit, world."""
        return vertex_normals(self.verts_m, self.faces) if self.normals is None else self.normals


@dataclass(frozen=True, eq=False)
class Hits:
    """The P places of one surface that are seen."""

    surface: Surface
    face_index: Tensor  # (P,) int64, rows of ``surface.faces``
    barycentric: Tensor  # (P, 3)
    position_m: Tensor  # (P, 3) world
    normal: Tensor  # (P, 3) unit, world, towards the viewer's side
    view: Tensor  # (P, 3) unit, towards the camera
    pixel_m: Tensor  # (P,) what one pixel of the looking camera spans there, metres: texture finer than this is noise

    def at_vertices(self, values: Tensor) -> Tensor:
        """Values (V, C) of the surface's vertices -> (P, C)."""
        return mix_corners(values, self.surface.faces[self.face_index], self.barycentric)

    def at_corners(self, values: Tensor) -> Tensor:
        """Values (F, 3, C) of the corners of each face -> (P, C)."""
        return (values[self.face_index] * self.barycentric[..., None]).sum(1)

    @cached_property
    def uv(self) -> Tensor:
        """(P, 2). ValueError if the surface has none."""
        if self.surface.uv is None:
            raise ValueError(f"surface {self.surface.name!r} has no texture coordinates")
        return self.at_corners(self.surface.uv)


@dataclass(frozen=True, eq=False)
class Shading:
    """How P places answer to light. Colours are linear RGB."""

    albedo: Tensor  # (P, 3) in [0, 1]
    specular: Tensor | float = 0.028  # (P,) reflectance seen straight on: 0.028 is skin, 0.04 plastic and cornea
    roughness: Tensor | float = 0.5  # (P,) 0.05 a mirror, 1 chalk
    normal: Tensor | None = None  # (P, 3) a finer one than that of the mesh, unit, world
    occlusion: Tensor | float = 1.0  # (P,) share of the ambient light that gets there
    strand: Tensor | None = None  # (P, 3) unit, world, direction of the hair: it shines across, not along
    # How far light leaks past the terminator: skin (0.25, 0.1, 0.06).
    wrap: tuple[float, float, float] = (0.0, 0.0, 0.0)


Material = Callable[[Hits], Shading]


@dataclass(frozen=True, eq=False)
class Scene:
    """All surfaces as one mesh."""

    surfaces: tuple[Surface, ...]
    verts_m: Tensor  # (V, 3) world
    faces: Tensor  # (F, 3) surface after surface
    first_face: tuple[int, ...]  # of each surface, and F

    @staticmethod
    def of(surfaces: Sequence[Surface]) -> Scene:
        """Join surfaces; those that share a tensor of vertices share them here."""
        start_of: dict[int, int] = {}
        verts, faces, n_verts, first_face = [], [], 0, [0]
        for surface in surfaces:
            if id(surface.verts_m) not in start_of:
                start_of[id(surface.verts_m)] = n_verts
                verts.append(surface.verts_m)
                n_verts += len(surface.verts_m)
            faces.append(surface.faces + start_of[id(surface.verts_m)])
            first_face.append(first_face[-1] + len(surface.faces))
        return Scene(tuple(surfaces), torch.cat(verts), torch.cat(faces), tuple(first_face))

    def ranges(self) -> Iterator[tuple[Surface, int, int]]:
        """Each surface with its first face and the one after its last."""
        return zip(self.surfaces, self.first_face[:-1], self.first_face[1:], strict=True)

    def surface_of_face(self, face_index: Tensor) -> Tensor:
        """Rows of ``faces`` -> int16 rows of ``surfaces``; -1 -> -1."""
        return self._surface_number[face_index + 1]

    def part_of_face(self, face_index: Tensor) -> Tensor:
        """Rows of ``faces`` -> uint8 of `Part`, without the surfaces' part maps; -1 -> BACKGROUND."""
        return self._part[face_index + 1]

    @cached_property
    def _part(self) -> Tensor:
        parts = [self.faces.new_zeros(1, dtype=torch.uint8)]  # BACKGROUND
        for surface, first, last in self.ranges():
            if isinstance(surface.part, Part):
                parts.append(self.faces.new_full((last - first,), int(surface.part), dtype=torch.uint8))
            else:
                parts.append(surface.part.to(torch.uint8))
        return torch.cat(parts)

    @cached_property
    def _surface_number(self) -> Tensor:
        counts = torch.tensor([1] + [last - first for _, first, last in self.ranges()])
        numbers = torch.arange(-1, len(self.surfaces), dtype=torch.int16)
        return numbers.repeat_interleave(counts).to(self.faces.device)

    @cached_property
    def _cover(self) -> Cover | None:
        """Opacity of all faces; None if all are opaque."""
        if all(surface.cover is None for surface in self.surfaces):
            return None
        uv = self.verts_m.new_zeros(len(self.faces), 3, 2)
        layer = torch.full((len(self.faces),), -1, device=self.faces.device)
        textures = []
        for surface, first, last in self.ranges():
            if surface.cover is not None:
                if surface.uv is None:
                    raise ValueError(f"surface {surface.name!r} has a cover, but no texture coordinates to read it by")
                uv[first:last] = surface.uv
                layer[first:last] = len(textures)
                textures.append(surface.cover)
        return Cover.of(uv, layer, textures, DITHER)

    def rasterize(self, camera: Camera, thresholds: Tensor) -> Fragments:
        """What the pixels of a camera see, by the thresholds of `Cover`."""
        cover = None if self._cover is None else replace(self._cover, thresholds=thresholds.to(self.faces.device))
        return rasterize(camera.world_to_cam(self.verts_m), self.faces, camera, cover=cover)

    def that_casts_shadows(self) -> Scene | None:
        """Without what casts none; None if nothing does."""
        casting = [surface for surface in self.surfaces if surface.casts_shadow]
        return self if len(casting) == len(self.surfaces) else Scene.of(casting) if casting else None


@dataclass(frozen=True, eq=False)
class PosedHead:
    """The head of the picture, as the makers of hair, clothes and occluders need it."""

    assets: FlameAssets
    params: FlameParams  # without leading dimensions
    camera: Camera
    verts_m: Tensor  # (V, 3) world, posed
    joints_m: Tensor  # (5, 3) world, posed
    neutral_m: Tensor  # (V, 3) head frame: the identity alone, without expression or pose
    T_world_skull: Tensor  # (4, 4) head frame of ``neutral_m`` -> world, for what sits on the skull
    T_world_root: Tensor  # (4, 4) the same for the base of the neck, which the neck joint does not turn
    normals: Tensor = field(repr=False)  # (V, 3) unit, world, of ``verts_m``

    @property
    def jaw_open_rad(self) -> float:
        """Rotation of the jaw about the x axis."""
        return float(self.params.jaw[0])

    def landmarks_m(self, name: str = "mediapipe") -> Tensor:
        """(L, 3) landmarks on the posed mesh, world."""
        return self._posed_landmarks[name]

    @cached_property
    def _posed_landmarks(self) -> dict[str, Tensor]:
        """All sets, as many makers ask for them."""
        sets = self.assets.landmarks.items()
        return {name: marks.positions(self.verts_m, self.assets.faces) for name, marks in sets}

    @cached_property
    def neutral_landmarks_m(self) -> Tensor:
        """(478, 3) MediaPipe's landmarks on the neutral mesh, head frame."""
        return self.assets.landmarks["mediapipe"].positions(self.neutral_m, self.assets.faces)

    def skull_to_world(self, points_m: Tensor) -> Tensor:
        """(N, 3) head frame, as on the neutral mesh -> world, moved with the skull."""
        return points_m @ self.T_world_skull[:3, :3].T + self.T_world_skull[:3, 3]


def skull_motion(params: FlameParams, rest_joints_m: Tensor) -> tuple[Tensor, Tensor]:
    """T_world_skull and T_world_root (4, 4) of params without leading dimensions; rest joints (5, 3), head frame."""
    root, neck = axis_angle_to_matrix(params.global_rot), axis_angle_to_matrix(params.neck)
    skull = root @ neck
    pivot_world = root @ (rest_joints_m[1] - rest_joints_m[0]) + rest_joints_m[0] + params.translation
    root_offset = rest_joints_m[0] + params.translation - root @ rest_joints_m[0]
    return _rigid(skull, pivot_world - skull @ rest_joints_m[1]), _rigid(root, root_offset)


def _rigid(rotation: Tensor, translation: Tensor) -> Tensor:
    out = torch.eye(4, dtype=rotation.dtype, device=rotation.device)
    out[:3, :3], out[:3, 3] = rotation, translation
    return out
