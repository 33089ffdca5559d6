"""Eyeballs: a veined white, an iris with fibres under a bulging cornea, and the shade and wetness of the lids.

Everything depends on the direction from the eye's centre in the rest pose, interpolated over the mesh, so it turns with
the eyeball.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.flame.landmarks import LEFT_LIDS, RIGHT_LIDS
from shared.flame.model import forward_kinematics, local_rotations
from shared.flame.schema import FlameAssets
from shared.geometry.meshes import unit
from shared.synthetic.face.look import EyeLook
from shared.synthetic.face.noise import NoiseTile
from shared.synthetic.face.pen import smooth_curve
from shared.synthetic.face.textures import IrisTexture
from shared.synthetic.scene.colour import srgb_to_linear
from shared.synthetic.scene.scene import Hits, PosedHead, Shading
from shared.synthetic.scene.smoothstep import smoothstep

IRIS_SINE = 11.7 / 24.4  # radius of the iris over that of the eyeball
_CORNEA = 12.2 / 7.8  # radius of the eyeball over that of the cornea
_POLAR = (48, 256)  # radius from the pupil's centre to the rim, angle
_SCLERA = (0.50, 0.455, 0.42)
FLESH_RGB, PALE_FLESH_RGB = (0.46, 0.265, 0.22), (0.48, 0.36, 0.32)  # at the inner and the outer corner
_PUPIL = 0.006
_PHOTO_LIGHT, _PHOTO_CHROMA = 0.65, 0.7


@dataclass(frozen=True, eq=False)
class EyeCharts:
    """What the eyes of one head model need."""

    vertex: Tensor  # (V, 4) rest direction from the eye's centre (0 off the eyes), 1 on the left eye
    photos: tuple[Tensor, ...]  # (48, 256, 3) linear each, polar; from brown to blue
    blotches: NoiseTile

    @staticmethod
    def of(assets: FlameAssets, irises: tuple[IrisTexture, ...], blotches: NoiseTile) -> EyeCharts:
        """Eyes of a head; a head without eye regions has none."""
        vertex = assets.v_template.new_zeros(assets.n_vertices, 4)
        for name, left in (("left_eye", 1.0), ("right_eye", 0.0)):
            if name in assets.regions:
                ball = assets.regions[name]
                points = assets.v_template[ball]
                vertex[ball, :3] = unit(points - (points.amin(0) + points.amax(0)) / 2)
                vertex[ball, 3] = left
        photos = sorted((_polar_photo(iris) for iris in irises), key=_blueness)
        return EyeCharts(vertex, tuple(photos), blotches)


@dataclass(frozen=True, eq=False)
class EyeMaterial:
    """Both eyes of one person in one picture."""

    charts: EyeCharts
    look: EyeLook
    iris: Tensor  # (48 * 256, 3) linear
    T_world_ball: Tensor  # (2, 3, 3) rotations of the right and the left eyeball
    lids_m: Tensor  # (2, K, 3) world, right and left: rims of the upper lids, then of the lower ones
    inner_m: Tensor  # (2, 3) world, inner corners

    def __call__(self, hits: Hits) -> Shading:
        """Shade P places of the eyeballs."""
        mixed = hits.at_vertices(self.charts.vertex)
        ball, left = unit(mixed[:, :3]), (mixed[:, 3] > 0.5).long()
        rotation = self.T_world_ball[left]
        view = (hits.view[:, None] @ rotation)[:, 0]

        sine = ball[:, :2].norm(dim=1)
        front = ball[:, 2] > 0
        rim = torch.where(front, sine / IRIS_SINE, torch.full_like(sine, 3.0))  # 1 at the iris's rim
        within = _step(1.03, 0.93, rim)
        # The iris lies behind the cornea, so it shifts against it with the line of sight.
        shift = 0.16 * (1 - rim**2).clamp_min(0)[:, None] * view[:, :2] / view[:, 2:].clamp_min(0.3)
        place = ball[:, :2] / IRIS_SINE - shift
        radius = place.norm(dim=1)
        iris = self._iris(place, radius)
        white, pink, lid_shade = self._white(hits, ball, rim, left)
        albedo = torch.lerp(white, iris, within[:, None])
        albedo = torch.lerp(albedo, albedo.new_tensor(FLESH_RGB), pink[:, None])

        normal = self._normal(ball, sine, rim, rotation)
        cornea = _step(1.15, 0.95, rim)
        return Shading(
            albedo=albedo,
            specular=0.03 + 0.012 * cornea,
            roughness=0.26 - 0.10 * cornea,
            normal=torch.where(front[:, None], normal, hits.normal),
            occlusion=lid_shade,
            wrap=(0.15, 0.08, 0.06),
        )

    def _iris(self, place: Tensor, radius: Tensor) -> Tensor:
        """(P, 3) colour at places (P, 2) on the iris's disc, the subject's left and up."""
        radial, angular = _POLAR
        turn = torch.atan2(place[:, 1], place[:, 0]) * (angular / (2 * np.pi))
        row = (radius * radial).long().clamp_(0, radial - 1)
        colour = self.iris[row * angular + (turn.long() % angular)]
        pupil = _step(self.look.pupil + 0.04, self.look.pupil - 0.03, radius)
        return torch.lerp(colour, colour.new_full((3,), _PUPIL), pupil[:, None])

    def _white(self, hits: Hits, ball: Tensor, rim: Tensor, left: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Colour (P, 3) of the white, share of flesh (P) at the corners, and light (P) that the lids let in."""
        look = self.look
        field = self.charts.blotches.at(ball[:, 0] * 0.55 + 0.37 * left, ball[:, 1] * 0.55)[0]
        away = _step(1.0, 2.0, rim)
        veins = look.veins * (1 - field.abs() * 4).clamp_min(0) * away
        red = 0.10 + 0.55 * veins + 0.16 * look.veins * away
        white = hits.position_m.new_tensor(_SCLERA) * hits.position_m.new_tensor([1.0, 0.96, 0.80]) ** look.yellow
        white = white * (1 - red[:, None] * hits.position_m.new_tensor([0.05, 0.55, 0.55]))
        white = white * (1 - 0.35 * _step(1.25, 0.98, rim))[:, None]

        half = self.lids_m.shape[1] // 2
        to_lids = torch.cdist(self.lids_m, hits.position_m.expand(2, -1, -1))  # (2, K, P)
        to_lids = torch.where(left.bool(), to_lids[1], to_lids[0])
        upper, lower = to_lids[:half].amin(0), to_lids[half:].amin(0)
        shade = 1 - 0.80 * torch.exp(-upper / 0.0028) - 0.40 * torch.exp(-lower / 0.0014)
        corner = (hits.position_m - self.inner_m[left]).norm(dim=1)
        # Lids may open wider than the ball: its sides take the colour of the flesh beside it.
        outward = ball[:, 0] * (2 * left - 1)  # 1 at the temple
        side = torch.where(outward > 0, 0.5, 1.0) * _step(0.70, 0.97, outward.abs())
        pink = torch.maximum(0.9 * _step(0.0065, 0.002, corner), side)
        return white, pink, shade.clamp(0.12, 1)

    def _normal(self, ball: Tensor, sine: Tensor, rim: Tensor, rotation: Tensor) -> Tensor:
        """(P, 3) world: the ball's, steeper where the cornea bulges."""
        bulge = 1 + (_CORNEA - 1) * _step(1.2, 0.85, rim)
        across = ball[:, :2] * bulge[:, None]
        ahead = (1 - (sine * bulge) ** 2).clamp_min(0.05).sqrt()
        local = torch.cat([across, ahead[:, None]], 1)
        return unit((rotation @ local[..., None])[..., 0])


def eye_material(charts: EyeCharts, look: EyeLook, head: PosedHead) -> EyeMaterial:
    """The material of one picture."""
    marks, device = head.landmarks_m(), head.verts_m.device
    rotations, _ = forward_kinematics(local_rotations(head.params), torch.zeros_like(head.joints_m))
    lids, corners = [], []
    for rim in (RIGHT_LIDS, LEFT_LIDS):
        upper, lower = marks[list(rim[:9])], marks[[*rim[8:], rim[0]]]
        curves = [smooth_curve(row.cpu().numpy(), 4) for row in (upper, lower)]
        lids.append(torch.from_numpy(np.concatenate(curves)))
        corners.append(marks[rim[8]])
    photo = None if look.photo is None else charts.photos[look.photo]
    iris = _polar_fibres(look) if photo is None else photo
    return EyeMaterial(
        charts=charts,
        look=look,
        iris=iris.reshape(-1, 3).to(device),
        T_world_ball=torch.stack([rotations[4], rotations[3]]),
        lids_m=torch.stack(lids).to(device),
        inner_m=torch.stack(corners),
    )


def _polar_fibres(look: EyeLook) -> Tensor:
    """(48, 256, 3) an iris: fibres from the pupil outward, a lighter or browner ring around it, a dark rim."""
    radial, angular = _POLAR
    rng = np.random.default_rng(look.fibres)
    radius = (np.arange(radial) + 0.5)[:, None] / radial
    fibres = np.zeros((radial, angular))
    for cells, drift, weight in ((110, 5, 1.0), (52, 3, 0.8), (18, 2, 0.5)):
        knots = cv2.GaussianBlur(rng.standard_normal((drift, 3 * angular)), (0, 0), angular / cells / 2)
        knots = cv2.resize(knots[:, angular : 2 * angular], (angular, radial), interpolation=cv2.INTER_CUBIC)
        fibres += weight * knots / knots.std()
    seam = np.clip(np.minimum(np.arange(angular), angular - 1 - np.arange(angular)) / 4, 0, 1)
    fibres = 0.16 * fibres * seam
    collar = look.pupil + 0.18 + 0.03 * fibres
    inside = 1 / (1 + np.exp((radius - collar) / 0.045))
    colour = np.array(look.iris) + inside[..., None] * (np.array(look.inner) - np.array(look.iris))
    light = np.exp(fibres * np.clip(1.6 - 0.6 * radius, 0, 1)) * (1 - 0.25 * np.exp(-(((radius - collar) / 0.04) ** 2)))
    dark = 1 - look.limbal * np.clip((radius - 0.76) / 0.22, 0, 1) ** 2
    picture = colour * (1.05 * light * dark)[..., None]
    return torch.from_numpy(np.clip(picture, 0.003, 0.9).astype(np.float32))


def _polar_photo(iris: IrisTexture) -> Tensor:
    """(48, 256, 3) linear, angles counter-clockwise from the right of the picture."""
    height, width = iris.picture.shape[:2]
    radial, angular = _POLAR
    size, centre = (radial, angular), (width / 2 - 0.5, height / 2 - 0.5)
    polar = cv2.warpPolar(iris.picture, size, centre, iris.radius_px, cv2.WARP_POLAR_LINEAR | cv2.INTER_AREA)
    linear = srgb_to_linear(polar.transpose(1, 0, 2)[:, ::-1] / 255)
    grey = linear.mean(-1, keepdims=True)
    # Pictures of eyes are lit and enhanced for beauty; as albedo they would glow.
    return torch.from_numpy((_PHOTO_LIGHT * (grey + _PHOTO_CHROMA * (linear - grey))).astype(np.float32))


def _blueness(polar: Tensor) -> float:
    """Blue over red of an iris without its pupil."""
    red, _, blue = polar[_POLAR[0] // 2 :].mean((0, 1)).tolist()
    return blue / max(red, 1e-6)


def _step(low: float, high: float, value: Tensor) -> Tensor:
    """0 at ``low``, 1 at ``high``, smooth between; either may be the larger."""
    return smoothstep(((value - low) / (high - low)).clamp(0, 1))
