"""A scene becomes a picture: find what is seen, ask its material, add the light, average.

Pixels inside one smooth surface are asked once, at their centre. Those at edges, on hair, or that differ much from
their neighbours are asked at every sub-pixel: adaptive antialiasing (Whitted, "An Improved Illumination Model for
Shaded Display", 1980). That halves the time and is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.geometry.camera import Camera
from shared.geometry.meshes import unit
from shared.render.cover import DITHER, HALF
from shared.render.interpolate import mix_corners
from shared.render.rasterizer import Fragments
from shared.synthetic.scene.hits_numba import TIPPED, places_numba
from shared.synthetic.scene.lamps import Lamps
from shared.synthetic.scene.light import radiance
from shared.synthetic.scene.lighting import Lighting
from shared.synthetic.scene.scene import Hits, Scene, Surface

SUPERSAMPLE = 2  # sub-pixels a side; the pattern of `DITHER` is as large
_BRIGHTEST = 4.0  # of one sub-pixel, times white: a highlight must not outshine its neighbours for ever
_STEP_M = 0.006  # depth that differs by more inside a pixel is an edge
_CONTRAST = 0.12  # of square-rooted radiance between neighbours, above which a pixel is looked at more closely


@dataclass(frozen=True, eq=False)
class Seen:
    """What a picture sees of a scene."""

    scene: Scene
    camera: Camera  # of the picture, without leading dimensions, at the world's origin
    centre: Fragments  # at the pixels' centres; half-opaque things count from one half
    fine: Fragments  # at the sub-pixels; see-through things cover their share of them

    @property
    def fine_camera(self) -> Camera:
        """The camera of the sub-pixels."""
        return finer(self.camera)


def look(scene: Scene, camera: Camera) -> Seen:
    """Rasterise a scene for a picture."""
    return Seen(scene, camera, scene.rasterize(camera, HALF), scene.rasterize(finer(camera), DITHER))


def finer(camera: Camera) -> Camera:
    """The same view in sub-pixels."""
    return camera.resized((camera.size[0] * SUPERSAMPLE, camera.size[1] * SUPERSAMPLE))


def render(seen: Seen, lighting: Lighting, background: np.ndarray, centre_m: Tensor) -> np.ndarray:
    """The picture of a scene, (H, W, 3) float32 linear radiance.

    Args:
        seen: of `look`.
        lighting: world frame.
        background: (H, W, 3) float32 linear radiance.
        centre_m: (3,) world, the place about which things cast shadows.
    """
    (height, width), scene = seen.camera.size, seen.scene
    behind = torch.as_tensor(background).to(scene.verts_m).reshape(-1, 3)
    lamps = Lamps.of(lighting, scene, centre_m)
    plain, empty = _plain_and_empty(seen)

    picture = behind.clone()
    pixel = plain.nonzero()[:, 0]
    picture[pixel] = _colours(scene, seen.centre, seen.camera, pixel, lamps)[0]

    busy = ((~plain & ~empty) | (plain & _differs(picture.reshape(height, width, 3)))).nonzero()[:, 0]
    corner = (busy // width * width * SUPERSAMPLE + busy % width) * SUPERSAMPLE
    steps = torch.arange(SUPERSAMPLE, device=busy.device)
    steps = (steps[:, None] * width * SUPERSAMPLE + steps).reshape(-1, 1)
    colour, hit = _colours(scene, seen.fine, seen.fine_camera, (corner + steps).reshape(-1), lamps)
    colour, hit = colour.reshape(len(steps), -1, 3), hit.reshape(len(steps), -1)
    picture[busy] = colour.mean(0) + (~hit).float().mean(0)[:, None] * behind[busy]
    return picture.reshape(height, width, 3).cpu().numpy()


def _plain_and_empty(seen: Seen) -> tuple[Tensor, Tensor]:
    """(H W) pixels whose centre and sub-pixels see one opaque surface without a step, and those that see nothing."""
    height, width = seen.camera.size
    centre = seen.scene.surface_of_face(seen.centre.face_index)
    fine = seen.scene.surface_of_face(seen.fine.face_index).reshape(height, SUPERSAMPLE, width, SUPERSAMPLE)
    depths = seen.fine.depth_m.reshape(height, SUPERSAMPLE, width, SUPERSAMPLE)
    same = torch.ones_like(centre, dtype=torch.bool)
    low = high = seen.centre.depth_m
    for down in range(SUPERSAMPLE):
        for right in range(SUPERSAMPLE):
            same &= fine[:, down, :, right] == centre
            low = torch.minimum(low, depths[:, down, :, right])
            high = torch.maximum(high, depths[:, down, :, right])
    smooth = torch.tensor([False, *(surface.cover is None for surface in seen.scene.surfaces)], device=centre.device)
    plain = same & smooth[(centre + 1).long()] & (high - low < _STEP_M)
    return plain.reshape(-1), (same & (centre < 0)).reshape(-1)


def _differs(picture: Tensor) -> Tensor:
    """(H W) bool: pixels (H, W, 3) unlike one of their four neighbours."""
    tone = picture.mean(-1).clamp(0, 1).sqrt()
    out = torch.zeros_like(tone, dtype=torch.bool)
    down, right = (tone[1:] - tone[:-1]).abs() > _CONTRAST, (tone[:, 1:] - tone[:, :-1]).abs() > _CONTRAST
    out[1:] |= down
    out[:-1] |= down
    out[:, 1:] |= right
    out[:, :-1] |= right
    return out.reshape(-1)


def _colours(scene: Scene, fragments: Fragments, camera: Camera, pixel: Tensor, lamps: Lamps) -> tuple[Tensor, Tensor]:
    """Radiance (N, 3) of pixels (N), counted row by row, and whether they see anything (N)."""
    face_index = fragments.face_index.reshape(-1)[pixel]
    barycentric = fragments.barycentric.reshape(-1, 3)[pixel]
    out = torch.zeros_like(barycentric)
    number = scene.surface_of_face(face_index)
    order = number.argsort(stable=True)
    ends = torch.bincount(number.long() + 1, minlength=len(scene.surfaces) + 1).cumsum(0).tolist()
    for (surface, first, _), start, end in zip(scene.ranges(), ends[:-1], ends[1:], strict=True):
        if start < end:
            chosen = order[start:end]
            hits = hits_of(surface, face_index[chosen] - first, barycentric[chosen], camera)
            out[chosen] = radiance(hits, surface.material(hits), lamps).clamp(0, _BRIGHTEST)
    return out, number >= 0


def hits_of(surface: Surface, face_index: Tensor, barycentric: Tensor, camera: Camera) -> Hits:
    """The places (P) of a surface that ``camera``, at the world's origin, sees."""
    places = places_numba if barycentric.device.type == "cpu" else places_torch
    position, normal, view, distance = places(surface, face_index, barycentric)
    return Hits(surface, face_index, barycentric, position, normal, view, distance / camera.focal_px[0])


def places_torch(surface: Surface, face_index: Tensor, barycentric: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Position, normal, direction to the camera (P, 3) and distance (P) of places of a surface, on any device."""
    rows = surface.faces[face_index]
    position = mix_corners(surface.verts_m, rows, barycentric)
    normal = unit(mix_corners(surface.vertex_normals, rows, barycentric))
    distance = position.norm(dim=1, keepdim=True)
    view = -position / distance
    normal = torch.where((normal * view).sum(1, keepdim=True) < TIPPED, -normal, normal)
    return position, normal, view, distance[:, 0]
