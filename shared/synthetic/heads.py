"""Simple rendered heads with exact truth, for the demo, the tests and measurements.

Every head comes from a seed and an index alone. They are plain, not photo-real, but real enough that MediaPipe finds
the face. Portraits with hair, clothes and occluders are another module's job.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.geometry.focal import focal_from_35mm
from shared.geometry.meshes import unit, vertex_normals
from shared.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from shared.render.interpolate import at_vertices, surface_points
from shared.render.rasterizer import rasterize
from shared.render.shading import ambient_light, directional_light, irradiance
from shared.synthetic.paint import Look, PaintChart, albedo
from shared.synthetic.scene.colour import linear_to_srgb

# Units that need others to make sense, and gaze, which is drawn as a whole below.
_EXCLUDED_UNITS = ("mouthClose", "tongueOut", "eyeLook", "jawForward")
_FACE_HEIGHT_M = 0.20

# What figures of painted faces are worth, for who sees some.
PAINTED = (
    "The landmarker sees painted faces some millimetres beside where it sees those of people, whose errors are what is "
    "known: docs/portraits.md. Heads of real people: docs/benchmark.md."
)


@dataclass(frozen=True)
class HeadRanges:
    """What is drawn at random. Angles in radians."""

    size: tuple[int, int] = (512, 512)  # (height, width)
    yaw: float = 1.05  # uniform up to this, either way
    pitch: float = 0.2  # standard deviations
    roll: float = 0.1
    gaze: float = 0.15
    neck: float = 0.06
    shape: float = 0.8
    max_units: int = 5  # ARKit units at once
    max_activation: float = 0.8
    focal_35mm: tuple[float, float] = (24.0, 100.0)  # log-uniform
    face_share: tuple[float, float] = (0.40, 0.62)  # height of the face over that of the image
    supersample: int = 2


@dataclass(frozen=True, eq=False)
class RenderedHead:
    """One picture and all that is true of it."""

    image: np.ndarray  # (H, W, 3) uint8 RGB
    params: FlameParams
    camera: Camera
    verts_m: Tensor  # (V, 3) world frame
    landmarks_px: Tensor  # (478, 2) MediaPipe's, whether seen or hidden
    landmarks68_px: Tensor  # (68, 2) iBUG's
    depth_m: Tensor  # (H, W) of the head itself, without hair, 0 where empty
    seed: int
    index: int


class HeadPainter:
    """Draws random heads of one model; every draw depends on the seed and the index alone."""

    def __init__(self, model: FlameModel, ranges: HeadRanges | None = None) -> None:
        self.model = model
        self.ranges = ranges or HeadRanges()
        self.chart = PaintChart.of(model.assets)

    def __call__(self, seed: int, index: int) -> RenderedHead:
        """The head number ``index`` of the series ``seed``."""
        rng = np.random.default_rng([seed, index])
        params, camera = random_scene(self.model, self.ranges, rng)
        with torch.no_grad():
            verts = self.model(params).verts_m
        assets = self.model.assets
        image = self._draw(verts, camera, rng)
        depth = rasterize(camera.world_to_cam(verts), assets.faces, camera).depth_m
        marks = [
            camera.project(assets.landmarks[name].positions(verts, assets.faces)) for name in ("mediapipe", "ibug68")
        ]
        return RenderedHead(image, params, camera, verts, marks[0], marks[1], depth, seed, index)

    def _draw(self, verts_m: Tensor, camera: Camera, rng: np.random.Generator) -> np.ndarray:
        """Paint, light and encode the picture (H, W, 3) uint8."""
        assets, factor = self.model.assets, self.ranges.supersample
        look = Look.random(rng)
        thickness = 0.0 if look.bald else look.hair_m
        haired = verts_m + thickness * self.chart.hair[:, None] * vertex_normals(verts_m, assets.faces)
        fine = camera.resized((camera.size[0] * factor, camera.size[1] * factor))
        verts_cam = fine.world_to_cam(haired)
        points = surface_points(rasterize(verts_cam, assets.faces, fine), verts_cam, assets.faces, fine)
        normals = vertex_normals(verts_cam, assets.faces)
        normal = unit(at_vertices(points, assets.faces, normals))
        drawn = at_vertices(points, assets.faces, self.chart.attributes).numpy()
        colour = albedo(self.chart, look, drawn, rng)
        lit = _light(colour, normal, drawn[:, -2] > 0, rng)
        background = cv2.resize(_background(verts_m, camera, rng), fine.size[::-1], interpolation=cv2.INTER_LINEAR)
        background[points.row.numpy(), points.column.numpy()] = lit
        picture = cv2.resize(background, camera.size[::-1], interpolation=cv2.INTER_AREA)
        noisy = linear_to_srgb(picture) + rng.normal(0, 0.006, picture.shape)
        return (noisy.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def random_scene(model: FlameModel, ranges: HeadRanges, rng: np.random.Generator) -> tuple[FlameParams, Camera]:
    """Parameters and a camera that frames the face."""
    height, width = ranges.size
    expression, jaw, eyes, eyelids = _expression(model.assets, ranges, rng)
    yaw, pitch, roll = rng.uniform(-ranges.yaw, ranges.yaw), rng.normal(0, ranges.pitch), rng.normal(0, ranges.roll)
    turns = [axis_angle_to_matrix(torch.tensor(a)) for a in ([0.0, yaw, 0.0], [pitch, 0.0, 0.0], [0.0, 0.0, roll])]
    params = FlameParams(
        shape=_normal(rng, model.n_shape, ranges.shape),
        expression=expression,
        global_rot=matrix_to_axis_angle(turns[2] @ turns[0] @ turns[1]),
        neck=_normal(rng, 3, ranges.neck),
        jaw=jaw,
        eyes=eyes,
        translation=torch.zeros(3),
        eyelids=eyelids,
    )
    focal = focal_from_35mm(float(np.exp(rng.uniform(*np.log(ranges.focal_35mm)))), ranges.size)
    share = rng.uniform(*ranges.face_share)
    camera = Camera.at_origin(torch.tensor(focal), ranges.size)
    depth = focal * _FACE_HEIGHT_M / (share * height)
    target_px = torch.tensor([width / 2, height / 2]) + _normal(rng, 2, 0.03 * height)
    target = camera.unproject(target_px[None], torch.tensor([depth]))[0]
    with torch.no_grad():
        face = model.assets.landmarks["mediapipe"].positions(model(params).verts_m, model.faces).mean(0)
    return replace(params, translation=(target - face).float()), camera


def _expression(
    assets: FlameAssets, ranges: HeadRanges, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A few ARKit units, mostly the same on both sides, and a gaze: expression, jaw, eyes and lids."""
    if assets.arkit is None:
        raise ValueError(f"head {assets.name!r} has no ARKit units to draw expressions from")
    names = assets.arkit.names
    allowed = [i for i, name in enumerate(names) if not name.startswith(_EXCLUDED_UNITS)]
    activation = np.zeros(len(names))
    for unit_index in rng.choice(allowed, rng.integers(0, ranges.max_units + 1), replace=False):
        activation[unit_index] = rng.uniform(0, ranges.max_activation)
        side = names[unit_index]
        other = side.replace("Left", "Right") if side.endswith("Left") else side.replace("Right", "Left")
        if rng.random() < 0.7:
            activation[names.index(other)] = activation[unit_index]
    units = torch.tensor(activation, dtype=torch.float32)
    gaze = _normal(rng, 3, ranges.gaze) * torch.tensor([0.5, 1.0, 0.0])
    eyes = torch.einsum("exu,u->ex", assets.arkit.eyes, units) + gaze
    return assets.arkit.expression @ units, assets.arkit.jaw @ units, eyes, torch.zeros(2)


def _normal(rng: np.random.Generator, count: int, deviation: float) -> Tensor:
    return torch.tensor(rng.normal(0, deviation, count), dtype=torch.float32)


def _light(colour: np.ndarray, normal: Tensor, is_eye: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(P, 3) radiance: a soft surround, a key and a fill, and the sheen of skin and eyes under the key."""

    def toward(azimuth: float, elevation: float) -> Tensor:
        x, y, z = np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), -np.cos(azimuth) * np.cos(elevation)
        return torch.tensor([x, y, z], dtype=torch.float32)

    key = toward(rng.normal(0, 0.7), rng.uniform(0.1, 0.9))
    fill = toward(rng.normal(0, 1.0), rng.uniform(-0.3, 0.6))
    warmth = torch.tensor([1 + rng.normal(0, 0.05), 1.0, 1 + rng.normal(0, 0.05)], dtype=torch.float32)
    light = ambient_light(warmth * rng.uniform(0.2, 0.45))
    light = light + directional_light(key, np.pi * rng.uniform(0.45, 0.85) * warmth)
    light = light + directional_light(fill, np.pi * rng.uniform(0.05, 0.3) * torch.ones(3))
    diffuse = (irradiance(normal, light) / np.pi).numpy()
    half = unit(key + torch.tensor([0.0, 0.0, -1.0]))
    facing = (normal @ half).clamp_min(0).numpy()
    sheen = np.where(is_eye, 0.8 * facing**400, rng.uniform(0.01, 0.06) * facing ** rng.uniform(8, 25))
    return colour * diffuse + sheen[:, None]


def _background(verts_m: Tensor, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) float32: a blurred room and shoulders below the neck."""
    height, width = camera.size
    base = rng.uniform(0.03, 0.7) * (1 + rng.normal(0, 0.12, 3))
    picture = np.broadcast_to(base, (height, width, 3)).astype(np.float32)
    for blobs in (3, 8):
        noise = rng.normal(0, 0.25, (blobs, blobs, 1)) + rng.normal(0, 0.06, (blobs, blobs, 3))
        picture = picture * np.exp(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC))
    neck = verts_m[verts_m[:, 1] < verts_m[:, 1].min() + 0.03].mean(0, keepdim=True)
    x, y = camera.project(neck)[0].tolist()
    metre = float(camera.focal_px[0] / camera.world_to_cam(neck)[0, 2])
    cloth = np.zeros((height, width), np.float32)
    center, axes = (round(x), round(y + 0.16 * metre)), (round(0.22 * metre), round(0.18 * metre))
    cv2.ellipse(cloth, center, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    cloth = cv2.GaussianBlur(cloth, (0, 0), 1 + 0.004 * height)[..., None]
    return picture * (1 - cloth) + cloth * rng.uniform(0.02, 0.5, 3).astype(np.float32)
