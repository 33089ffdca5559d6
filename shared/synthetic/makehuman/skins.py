"""MakeHuman's skins, laid over the open head's texture coordinates.

A skin is a square picture of the whole body, MakeHuman's atlas, or a crop of it with its place in ``crop.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import safe_open
from scipy import ndimage
from torch import Tensor

from shared.assets import asset_path
from shared.flame.open_head_file import ASSET
from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.render.rasterizer import rasterize
from shared.synthetic.face.textures import SkinTexture
from shared.synthetic.face.tones import typology_angle_deg
from shared.synthetic.makehuman.files import AssetError, read_image
from shared.synthetic.scene.colour import srgb_to_linear

SIDE = 1024  # of a skin over the head's texture coordinates
_SMALLEST = 1024  # of an atlas, pixels: less is a thumbnail
_BORDER_PX = 8.0  # so far a chart is continued past its border, so that no seam shows
_PAINTED = 0.10  # linear luminance of the scalp over that of the face, below which hair is painted on a light skin
_HEAD_CHART = 0.71  # of the texture's height, from the top: the chart of the head, which is mirror-symmetric
# Words in the names of maps that are no skins.
_NO_SKIN = {"normal", "normals", "nrm", "spec", "specular", "bump", "ao", "displacement", "sss", "thumb"}
CROP_FILE = "crop.json"


@dataclass(frozen=True, eq=False)
class AtlasMap:
    """Where each texel of the head's texture is in MakeHuman's atlas."""

    place: np.ndarray  # (T, T, 2) float32 in [0, 1], origin at the top left; -1 where the atlas has nothing
    face: np.ndarray  # (T, T) bool: skin of the face
    scalp: np.ndarray  # (T, T) bool

    @staticmethod
    def of(assets: FlameAssets) -> AtlasMap:
        """For the open head that comes with the package."""
        with safe_open(asset_path(ASSET), "pt") as file:
            atlas = file.get_tensor("atlas_uv").float()
        rows = assets.uv_faces
        known = (atlas[rows] >= 0).all(-1).all(-1)
        rows, faces = rows[known], assets.faces[known]
        shown, weights = _lay_flat(assets.uv, rows)
        place = (atlas[rows[shown.clamp_min(0)]] * weights[..., None]).sum(-2).numpy()
        distance, nearest = ndimage.distance_transform_edt((shown < 0).numpy(), return_indices=True)  # type: ignore[misc]
        place = place[nearest[0], nearest[1]]
        place[distance > _BORDER_PX] = -1
        parts = [_texels(assets.region(name)[faces].all(1), shown) for name in ("face", "scalp")]
        return AtlasMap(place, *parts)

    def skin(self, path: Path) -> SkinTexture:
        """Lay a skin over the head.

        Raises:
            AssetError: it is neither an atlas nor a crop of one, or its hair is painted on.
            OSError: it can't be read.
        """
        image = np.ascontiguousarray(read_image(path)[..., :3])
        scale, shift = _placing(path, image.shape[:2])
        at = (self.place * scale - shift - 0.5).astype(np.float32)
        at = _completed(at, ((at > -1) & (at < np.array(image.shape[1::-1]))).all(-1) & (self.place[..., 0] >= 0))
        albedo = cv2.remap(image, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
        albedo[np.isnan(at[..., 0])] = np.median(albedo[self.face], 0)
        face, scalp = (srgb_to_linear(np.median(albedo[part], 0) / 255) for part in (self.face, self.scalp))
        if face.mean() > 0.25 and scalp.mean() < _PAINTED * face.mean():
            raise AssetError("it has hair painted on, so it is no plain skin")
        return SkinTexture(path.stem.removesuffix("_diffuse"), albedo, typology_angle_deg(face))


def _completed(at: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Pixel of each texel (T, T, 2); where a crop ends, that of the other half of the head; NaN where neither is."""
    head = np.arange(SIDE)[:, None] < _HEAD_CHART * SIDE
    from_other = ~inside & inside[:, ::-1] & head
    out = np.where(from_other[..., None], at[:, ::-1], at)
    out[~(inside | from_other)] = np.nan
    return out


def is_skin(path: Path) -> bool:
    """Whether a picture in a folder of skins may be one, rather than a map of bumps or a thumbnail."""
    words = path.stem.lower().replace("-", "_").split("_")
    return not _NO_SKIN & set(words)


def _placing(path: Path, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Pixel of the picture = atlas coordinate * scale - shift, for (x, y)."""
    height, width = size
    crop_file = path.parent / CROP_FILE
    if crop_file.is_file():
        try:
            content = json.loads(crop_file.read_text(encoding="utf-8"))
            x0, y0, x1, y1 = (float(value) for value in content["crop_xyxy_px"])
            whole = np.array(content["source_size"], np.float64)
        except (ValueError, KeyError, TypeError) as error:
            raise AssetError(f"{CROP_FILE} beside it can't be used: {error!r}") from error
        resized = np.array([width / (x1 - x0), height / (y1 - y0)])
        if abs(resized[0] / resized[1] - 1) < 0.01:
            return whole * resized, np.array([x0, y0]) * resized
    if height != width:
        raise AssetError(f"it is neither a square atlas nor a crop described in {CROP_FILE}: {width} x {height} pixels")
    if width < _SMALLEST:
        raise AssetError(f"it is only {width} pixels wide, and a skin has {_SMALLEST} or more")
    return np.array([width, height], np.float64), np.zeros(2)


def _lay_flat(uv: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Triangle (T, T) of each texel, -1 where none, and weights (T, T, 3) of its corners."""
    focal, centre = torch.full((2,), float(SIDE)), torch.zeros(2)
    flat = torch.cat([uv, torch.ones(len(uv), 1)], 1)
    seen = rasterize(flat, rows, Camera(focal, centre, torch.eye(4), (SIDE, SIDE)), backend="numba")
    return seen.face_index, seen.barycentric


def _texels(faces: Tensor, shown: Tensor) -> np.ndarray:
    return (faces[shown.clamp_min(0)] & (shown >= 0)).numpy()
