"""The numbers that go with a scan: its camera and its landmarks. Each reader raises `ScanError`."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.config import ObserveConfig
from shared.geometry.camera import Camera
from shared.scans.errors import ScanError


@dataclass(frozen=True)
class ScanCamera:
    """What camera.json says."""

    camera: Camera  # its world is that of `Camera.at_origin`; assumed as for a fit where there is no file
    T_cam_head: Tensor | None  # (4, 4) metres
    T_cam_scan: Tensor | None  # (4, 4) metres, of the frame of scan.ply; that of the head where it is not given


def read_camera(path: Path, size: tuple[int, ...]) -> ScanCamera:
    """Of a picture of ``size`` (height, width)."""
    height, width = size
    if not path.exists():
        focal = max(size) / 2 / math.tan(math.radians(ObserveConfig().fov_deg) / 2)
        return ScanCamera(Camera.at_origin(torch.tensor(focal), (height, width)), None, None)
    given = _json(path)
    if not isinstance(given, dict):
        raise ScanError(f"{path.name} must be an object with focal_px")
    focal, centre = _numbers(path, given, "focal_px", (2,)), _numbers(path, given, "center_px", (2,))
    camera = Camera.at_origin(focal[0], (height, width), centre)
    T_cam_head, T_cam_scan = (
        _numbers(path, given, name, (4, 4)) if name in given else None for name in ("T_cam_head", "T_cam_scan")
    )
    camera = Camera(focal, centre, camera.T_cam_world, camera.size)
    return ScanCamera(camera, T_cam_head, T_cam_head if T_cam_scan is None else T_cam_scan)


def read_points(path: Path, name: str, shape: tuple[int, int]) -> Tensor | None:
    """A list of points; None without the file. ``name`` is what a message calls them."""
    return _numbers(path, {name: _json(path)}, name, shape) if path.exists() else None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ScanError(f"{path.name} cannot be read: {error}") from error


def _numbers(path: Path, values: dict[str, Any], key: str, shape: tuple[int, ...]) -> Tensor:
    try:
        array = np.array(values.get(key), np.float32)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != shape:
        raise ScanError(f"{path.name}: {key} must be {'x'.join(map(str, shape))} numbers")
    return torch.from_numpy(array)
