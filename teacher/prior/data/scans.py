"""A user's own registered scans as training data; the folder's format is in docs/scans.md."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from shared.config import ObserveConfig
from shared.geometry.camera import Camera
from shared.images.stored import StoredPictureError, read_stored, read_stored_photo
from shared.runtime import UserError
from teacher.prior.data.face_view import SHOWS_HEAD, FaceView, SampleError
from teacher.prior.records import N_PARTS, UNKNOWN_PART

SCHEMA = "pixel3dmm-distill/scans/1"
MANIFEST = "scans.json"
_FILES = ("image", "normal", "uv", "mask")  # what every scan has
_PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class ScannedFaces:
    """The scans of a folder, in the order of their paths. Nothing but the manifest is read at first."""

    folders: tuple[Path, ...]
    normals: Literal["camera", "head"]  # frame of the stored normals
    n_points: int  # vertices whose pixels a run trains, all unknown here

    @staticmethod
    def open(root: Path, head_id: str, n_points: int) -> ScannedFaces:
        """UserError if the manifest is missing or of another kind or head, or if there are no scans."""
        manifest = _manifest(root / MANIFEST)
        if manifest.get("head_id") != head_id:
            raise UserError(f"{root / MANIFEST} is of the head {manifest.get('head_id')}, the run's head is {head_id}")
        folders = {path.parent for path in root.rglob("*") if path.stem in _FILES and path.suffix in _PICTURES}
        if not folders:
            raise UserError(f"no scans in {root}: each needs a folder with image, normal, uv and mask, docs/scans.md")
        return ScannedFaces(tuple(sorted(folders)), manifest["normals"], n_points)

    def __len__(self) -> int:
        return len(self.folders)

    def name(self, index: int) -> str:
        """The folder."""
        return str(self.folders[index])

    def view(self, index: int, epoch: int = 0) -> FaceView:
        """One scan, the same in each epoch. SampleError, which names the file, if it cannot be used."""
        folder = self.folders[index]
        image = _image(folder)
        size = image.shape[:2]
        normal, uv = _normals(folder, size), _uv(folder, size)
        mask, part = _plane(folder / "mask.png", size) > 0, _part(folder / "part.png", size)
        valid = mask & (SHOWS_HEAD[part] | (part == UNKNOWN_PART)) & (np.linalg.norm(normal, axis=2) > 0.5)
        rows, columns = np.nonzero(mask)
        if not len(rows):
            raise SampleError("mask.png is empty")
        outline = [[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]]
        camera, T_cam_head = _camera(folder / "camera.json", size)
        depth_m = float(T_cam_head[2, 3]) if T_cam_head is not None else 0.0
        n = self.n_points
        return FaceView(
            image=image,
            normal=normal,
            normal_frame=self.normals,
            uv=uv,
            valid=valid,
            hidden=np.zeros_like(valid),
            part=part,
            camera=camera,
            R_cam_head=None if T_cam_head is None else T_cam_head[:3, :3],
            points_px=torch.zeros(n, 2),
            points_visible=torch.zeros(n, dtype=torch.bool),
            points_known=torch.zeros(n, dtype=torch.bool),
            px_per_m=float(camera.focal_px[0]) / depth_m if depth_m > 0 else 0.0,
            outline_px=torch.tensor(outline, dtype=torch.float32),
            detected_px=_landmarks(folder / "landmarks.json"),
        ).check()


def _manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); docs/scans.md says what it holds") from error
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        raise UserError(f'{path} needs "schema": "{SCHEMA}", docs/scans.md')
    if manifest.get("normals") not in ("camera", "head"):
        raise UserError(f'{path} has "normals": {json.dumps(manifest.get("normals"))}; give "camera" or "head"')
    return manifest


def _image(folder: Path) -> np.ndarray:
    path = next((folder / f"image{suffix}" for suffix in _PICTURES if (folder / f"image{suffix}").exists()), None)
    if path is None:
        raise SampleError("image.jpg or image.png is missing")
    # As stored, whatever EXIF says of its orientation: the maps are as stored too.
    return _read(path, read_stored_photo)


def _normals(folder: Path, size: tuple[int, ...]) -> np.ndarray:
    stored = _map(folder / "normal.png", size)
    return stored.astype(np.float32) * (2 / np.iinfo(stored.dtype).max) - np.float32(1)


def _uv(folder: Path, size: tuple[int, ...]) -> np.ndarray:
    stored = _map(folder / "uv.png", size)
    if stored.dtype != np.uint16:
        raise SampleError("uv.png has 8 bits a channel; it needs 16, as a step of 8 bits is 3 mm on the face")
    return np.ascontiguousarray(stored[..., :2]).astype(np.float32) * np.float32(1 / 65535)


def _part(path: Path, size: tuple[int, ...]) -> np.ndarray:
    if not path.exists():
        return np.full(size, UNKNOWN_PART, np.uint8)
    part = _plane(path, size)
    if ((part >= N_PARTS) & (part != UNKNOWN_PART)).any():
        raise SampleError(f"part.png holds values other than 0 to {N_PARTS - 1} and {UNKNOWN_PART}")
    return part


def _map(path: Path, size: tuple[int, ...]) -> np.ndarray:
    """(H, W, 3) uint8 or uint16 RGB."""
    picture = _sized(path, size)
    if picture.ndim != 3 or picture.shape[2] != 3:
        raise SampleError(f"{path.name} has {picture.shape[2] if picture.ndim == 3 else 1} channels; it needs 3")
    return picture


def _plane(path: Path, size: tuple[int, ...]) -> np.ndarray:
    """(H, W) uint8."""
    picture = _sized(path, size)
    if picture.ndim != 2 or picture.dtype != np.uint8:
        raise SampleError(f"{path.name} must be a grey picture of 8 bits")
    return picture


def _sized(path: Path, size: tuple[int, ...]) -> np.ndarray:
    picture = _read(path, read_stored)
    if picture.shape[:2] != size:
        height, width = picture.shape[:2]
        raise SampleError(f"{path.name} is {width}x{height} pixels, the image {size[1]}x{size[0]}")
    return picture


def _read(path: Path, read: Callable[[Path], np.ndarray]) -> np.ndarray:
    try:
        return read(path)
    except StoredPictureError as error:
        raise SampleError(f"{path.name} {error.reason}") from error


def _camera(path: Path, size: tuple[int, ...]) -> tuple[Camera, Tensor | None]:
    """The camera, and T_cam_head (4, 4) where the file has it; without a file the camera is guessed as for a fit."""
    height, width = size
    if not path.exists():
        focal = max(size) / 2 / math.tan(math.radians(ObserveConfig().fov_deg) / 2)
        return Camera.at_origin(torch.tensor(focal), (height, width)), None
    given = _json(path)
    if not isinstance(given, dict):
        raise SampleError(f"{path.name} must be an object with focal_px")
    focal, centre = _numbers(path, given, "focal_px", (2,)), _numbers(path, given, "center_px", (2,))
    camera = Camera.at_origin(focal[0], (height, width), centre)
    T_cam_head = _numbers(path, given, "T_cam_head", (4, 4)) if "T_cam_head" in given else None
    return Camera(focal, centre, camera.T_cam_world, camera.size), T_cam_head


def _landmarks(path: Path) -> Tensor | None:
    return _numbers(path, {"landmarks_px": _json(path)}, "landmarks_px", (478, 2)) if path.exists() else None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SampleError(f"{path.name} cannot be read: {error}") from error


def _numbers(path: Path, values: dict[str, Any], key: str, shape: tuple[int, ...]) -> Tensor:
    try:
        array = np.array(values.get(key), np.float32)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != shape:
        raise SampleError(f"{path.name}: {key} must be {'x'.join(map(str, shape))} numbers")
    return torch.from_numpy(array)
