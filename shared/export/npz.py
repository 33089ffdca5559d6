"""Parameters as .npz: plain arrays named as the fields of `FlameParams` and `Camera`, nothing pickled."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.runs.files import write_bytes

SCHEMA = "pixel3dmm-distill/params/2"
_PARAMS = tuple(field.name for field in fields(FlameParams))
_CAMERA = ("focal_px", "center_px", "T_cam_world")


def write_params(
    path: Path, params: FlameParams, camera: Camera, extra: Mapping[str, np.ndarray] | None = None
) -> Path:
    """Write parameters and the camera of the full picture, with the same leading dimensions.

    Args:
        path: the file.
        params: (...) rows.
        camera: (...) rows of one picture size; stored as focal_px, center_px, T_cam_world and size (2,) int64.
        extra: further arrays, of numbers or text.

    Raises:
        ValueError: an extra array takes the name of a parameter, or holds objects.
        StorageError: the file cannot be written.
    """
    arrays: dict[str, np.ndarray] = {name: _array(getattr(params, name)) for name in _PARAMS}
    arrays |= {name: _array(getattr(camera, name)) for name in _CAMERA}
    arrays["size"] = np.array(camera.size, np.int64)
    arrays["schema"] = np.array(SCHEMA)
    for name, value in (extra or {}).items():
        if name in arrays or value.dtype.hasobject:
            raise ValueError(f"{name}: the name is taken, or it holds objects, which would be pickled")
        arrays[name] = value
    return write_bytes(path, _npz_bytes(arrays))


def read_params(path: Path) -> tuple[FlameParams, Camera]:
    """What `write_params` wrote. ValueError with the missing name if the file is another one."""
    with np.load(path, allow_pickle=False) as arrays:
        lacking = [name for name in (*_PARAMS, *_CAMERA, "size") if name not in arrays]
        if lacking:
            raise ValueError(f"{path} lacks {', '.join(lacking)}")
        params = FlameParams(**{name: torch.from_numpy(arrays[name]) for name in _PARAMS})
        height, width = arrays["size"].tolist()
        camera = {name: torch.from_numpy(arrays[name]) for name in _CAMERA}
        return params, Camera(**camera, size=(height, width))


def read_extras(path: Path) -> tuple[int, dict[str, np.ndarray]]:
    """The version of a file of `write_params`, and its arrays beside parameters and camera, by name.

    Files of version 1, which carry none, keep their own names and meanings: ``score`` is the quality in those of the
    teacher and a detector's score in those of the student; ``landmarks_px`` are the detected landmarks in those of the
    teacher and the mesh's in those of the student.
    """
    with np.load(path, allow_pickle=False) as arrays:
        known = {*_PARAMS, *_CAMERA, "size", "schema"}
        extras = {name: arrays[name] for name in arrays.files if name not in known}
        version = int(str(arrays["schema"]).rpartition("/")[2]) if "schema" in arrays else 1
        return version, extras


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """As `numpy.savez`, but without the time, so that equal values give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as file:
                np.lib.format.write_array(file, np.asarray(array, order="C"), allow_pickle=False)
    return buffer.getvalue()
