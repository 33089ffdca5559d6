"""A scene becomes a picture: find what every sub-pixel sees, ask its material, add the light, average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.meshes import unit
from shared.render.cover import DITHER, Cover
from shared.render.rasterizer import Fragments, rasterize
from shared.synthetic.lighting import Lighting
from shared.synthetic.scene import Hits, Surface, at_vertices
from shared.synthetic.shade import radiance
from shared.synthetic.shadows import shadow_map

SUPERSAMPLE = 2  # sub-pixels a side; the pattern of `DITHER` is as large
_BRIGHTEST = 4.0  # of one sub-pixel, times white: a highlight must not outshine its neighbours for ever


@dataclass(frozen=True, eq=False)
class Scene:
    """All surfaces as one mesh."""

    surfaces: tuple[Surface, ...]
    verts_m: Tensor  # (V, 3) world
    faces: Tensor  # (F, 3)
    first_face: tuple[int, ...]  # of each surface, and F
    cover: Cover | None

    @staticmethod
    def of(surfaces: Sequence[Surface], thresholds: Tensor = DITHER) -> Scene:
        """Join surfaces; the order is that of the faces."""
        verts, faces, first_vert, first_face = [], [], 0, [0]
        shared: dict[int, int] = {}  # surfaces of one mesh bring the same vertices
        for surface in surfaces:
            start = shared.get(id(surface.verts_m))
            if start is None:
                start = shared[id(surface.verts_m)] = first_vert
                verts.append(surface.verts_m)
                first_vert += len(surface.verts_m)
            faces.append(surface.faces + start)
            first_face.append(first_face[-1] + len(surface.faces))
        mesh = torch.cat(faces)
        return Scene(tuple(surfaces), torch.cat(verts), mesh, tuple(first_face), _cover(surfaces, thresholds))

    def rasterize(self, camera: Camera) -> Fragments:
        """What the pixels of a camera see."""
        return rasterize(camera.world_to_cam(self.verts_m), self.faces, camera, cover=self.cover)


def _cover(surfaces: Sequence[Surface], thresholds: Tensor) -> Cover | None:
    """Opacity of all faces; None if all are opaque."""
    if all(surface.cover is None for surface in surfaces):
        return None
    uv, layer, textures = [], [], []
    for surface in surfaces:
        opaque = surface.cover is None
        uv.append(surface.verts_m.new_zeros(len(surface.faces), 3, 2) if opaque or surface.uv is None else surface.uv)
        layer.append(torch.full((len(surface.faces),), -1 if opaque else len(textures), device=surface.faces.device))
        if surface.cover is not None:
            textures.append(surface.cover)
    return Cover(torch.cat(uv), torch.cat(layer), tuple(textures), thresholds)


def render(
    surfaces: Sequence[Surface],
    camera: Camera,
    lighting: Lighting,
    background: np.ndarray,
    centre_m: Tensor | None = None,
) -> np.ndarray:
    """Draw a scene: `rasterize_fine` and `shade_fine` in one."""
    scene = Scene.of(surfaces)
    return shade_fine(scene, rasterize_fine(scene, camera), camera, lighting, background, centre_m)


def rasterize_fine(scene: Scene, camera: Camera) -> Fragments:
    """What the sub-pixels of ``camera``'s picture see."""
    return scene.rasterize(_fine(camera))


def _fine(camera: Camera) -> Camera:
    return camera.resized((camera.size[0] * SUPERSAMPLE, camera.size[1] * SUPERSAMPLE))


def shade_fine(
    scene: Scene,
    fragments: Fragments,
    camera: Camera,
    lighting: Lighting,
    background: np.ndarray,
    centre_m: Tensor | None = None,
) -> np.ndarray:
    """Ask the materials, add the light, average the sub-pixels.

    Args:
        scene: all that there is.
        fragments: of `rasterize_fine`.
        camera: without leading dimensions; of the picture.
        lighting: world frame.
        background: (H, W, 3) float32 linear radiance.
        centre_m: (3,) where shadows are needed; the middle of the first surface if None.

    Returns:
        (H, W, 3) float32 linear radiance.
    """
    height, width = camera.size
    surfaces, fine = scene.surfaces, _fine(camera)
    if centre_m is None:
        centre_m = surfaces[0].verts_m.mean(0)
    casting = [surface for surface in surfaces if surface.casts_shadow]
    caster = Scene.of(casting) if casting else None
    maps = [
        shadow_map(lamp, centre_m, caster.verts_m, caster.faces, caster.cover) if caster else None
        for lamp in lighting.lamps
    ]
    colour = scene.verts_m.new_zeros(fine.size[0] * fine.size[1], 3)
    for index, hits, pixel in _hits(scene, fragments, fine):
        shading = scene.surfaces[index].material(hits)
        row, column = pixel // fine.size[1], pixel % fine.size[1]
        shadows = [
            torch.ones_like(hits.pixel_m) if one is None else one.arrives(hits.position_m, hits.normal, row, column)
            for one in maps
        ]
        colour[pixel] = radiance(hits, shading, lighting, shadows).clamp(0, _BRIGHTEST)
    blocks = colour.reshape(height, SUPERSAMPLE, width, SUPERSAMPLE, 3)
    empty = (fragments.face_index < 0).reshape(height, SUPERSAMPLE, width, SUPERSAMPLE).float().mean((1, 3))
    return (blocks.mean((1, 3)) + empty[..., None] * torch.as_tensor(background).to(colour)).cpu().numpy()


def _hits(scene: Scene, fragments: Fragments, camera: Camera):
    """For every surface that is seen: its index, its hits, and their pixels' numbers (P), row by row."""
    face_index = fragments.face_index.reshape(-1)
    barycentric = fragments.barycentric.reshape(-1, 3)
    for index, surface in enumerate(scene.surfaces):
        first, last = scene.first_face[index], scene.first_face[index + 1]
        pixel = ((face_index >= first) & (face_index < last)).nonzero()[:, 0]
        if len(pixel) == 0:
            continue
        yield index, hits_of(surface, face_index[pixel] - first, barycentric[pixel], camera), pixel


def hits_of(surface: Surface, face_index: Tensor, barycentric: Tensor, camera: Camera) -> Hits:
    """The places (P) of a surface that ``camera``, at the world's origin, sees."""
    where = (surface.faces, face_index, barycentric)
    position = at_vertices(*where, surface.verts_m)
    normal = unit(at_vertices(*where, surface.vertex_normals))
    distance = position.norm(dim=1, keepdim=True)
    view = -position / distance
    normal = torch.where((normal * view).sum(1, keepdim=True) < -0.15, -normal, normal)
    return Hits(surface, face_index, barycentric, position, normal, view, distance[:, 0] / camera.focal_px[0])
