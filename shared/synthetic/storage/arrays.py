"""One portrait on disk: the picture as JPEG or WebP, the maps as PNG of 16 bits, and back.

000012.jpg           the picture
000012.normal.png    normals: channel value 0 to 65535 is -1 to 1; 0, 0, 0 outside the head
000012.surface.png   u, v (0 to 65535 is 0 to 1) and depth (1 to 65535 is ``near`` to ``far`` of the record); depth 0
                     outside the head
000012.part.png      8 bits, values of `Part`

A step is 0.000031 in a normal, 0.000015 in UV, and of the head's own depth a 65535th: 0.004 mm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.images.encode import write_png
from shared.images.stored import StoredPictureError, read_stored, read_stored_photo
from shared.runs.files import write_bytes

_FULL = 65535
_QUALITY = {"jpg": cv2.IMWRITE_JPEG_QUALITY, "webp": cv2.IMWRITE_WEBP_QUALITY}


class PortraitError(Exception):
    """Stored portraits that cannot be used; the message names the file and says why."""


@dataclass(frozen=True, eq=False)
class StoredMaps:
    """The maps of one picture, without leading dimensions."""

    normal: Tensor  # (3, H, W)
    uv: Tensor  # (2, H, W)
    depth_m: Tensor  # (H, W)
    part: Tensor  # (H, W) uint8


def write_picture(stem: Path, image: np.ndarray, image_format: str, quality: int) -> None:
    """Write (H, W, 3) uint8 RGB as ``stem``.jpg or .webp."""
    options = [_QUALITY[image_format], quality]
    done, data = cv2.imencode(f".{image_format}", np.ascontiguousarray(image[..., ::-1]), options)
    if not done:
        raise ValueError(f"OpenCV cannot encode .{image_format}")
    write_bytes(_path(stem, f".{image_format}"), data.tobytes())


def write_maps(stem: Path, maps: StoredMaps, depth_range_m: tuple[float, float]) -> None:
    """Write the three PNGs; depths lie in ``depth_range_m``."""
    inside = maps.depth_m > 0
    near, far = depth_range_m
    normal = torch.where(inside, (maps.normal + 1) * (_FULL / 2), 0.0).permute(1, 2, 0)
    depth = torch.where(inside, 1 + (maps.depth_m.double() - near) * ((_FULL - 1) / (far - near)), 0.0)
    surface = torch.cat([maps.uv.double() * _FULL, depth[None]]).permute(1, 2, 0)
    write_png(_path(stem, ".normal.png"), _to_16_bit(normal))
    write_png(_path(stem, ".surface.png"), _to_16_bit(surface))
    write_png(_path(stem, ".part.png"), maps.part.numpy())


def depth_range(depth_m: Tensor) -> tuple[float, float]:
    """Nearest and farthest depth of a map (H, W), 0 where empty; a millimetre apart at least."""
    inside = depth_m[depth_m > 0]
    if len(inside) == 0:
        return 0.0, 1.0
    return float(inside.min()), max(float(inside.max()), float(inside.min()) + 1e-3)


def read_picture(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB. PortraitError if it cannot be read."""
    return _read(path, read_stored_photo)


def read_maps(stem: Path, depth_range_m: tuple[float, float]) -> StoredMaps:
    """What `write_maps` wrote. PortraitError if a file cannot be read."""
    normal, surface = (_read_map(_path(stem, suffix)) for suffix in (".normal.png", ".surface.png"))
    part_path = _path(stem, ".part.png")
    part = _read(part_path, read_stored)
    if part.dtype != np.uint8 or not part.shape == normal.shape[:2] == surface.shape[:2]:
        raise PortraitError(f"{part_path} or a map beside it has another size or depth; generate its shard again")
    near, far = depth_range_m
    inside = (surface[..., 2] > 0).astype(np.float32)
    # In float32 and in place: doubles would take longer than reading the files.
    normal *= 2 / _FULL
    normal -= 1
    normal *= inside[..., None]
    depth = surface[..., 2] - 1
    depth *= (far - near) / (_FULL - 1)
    depth += near
    depth *= inside
    return StoredMaps(
        normal=torch.from_numpy(normal).permute(2, 0, 1),
        uv=torch.from_numpy(surface[..., :2] * np.float32(1 / _FULL)).permute(2, 0, 1),
        depth_m=torch.from_numpy(depth),
        part=torch.from_numpy(part),
    )


def _to_16_bit(values: Tensor) -> np.ndarray:
    return (values + 0.5).clamp(0, _FULL).numpy().astype(np.uint16)


def _path(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def _read(path: Path, read: Callable[[Path], np.ndarray]) -> np.ndarray:
    try:
        return read(path)
    except StoredPictureError as error:
        raise PortraitError(f"{error}; delete its shard's .safetensors file and generate it again") from error


def _read_map(path: Path) -> np.ndarray:
    """(H, W, 3) float32 RGB, 0 to 65535."""
    picture = _read(path, read_stored)
    if picture.dtype != np.uint16 or picture.ndim != 3 or picture.shape[2] != 3:
        raise PortraitError(f"{path} is not a PNG of three channels of 16 bits; generate its shard again")
    return picture.astype(np.float32)
