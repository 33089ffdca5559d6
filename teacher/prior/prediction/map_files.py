"""The prediction for one face on disk, and back.

000012.jpg           the crop that the network saw
000012.normal.png    normals: channel value 0 to 65535 is -1 to 1
000012.uv.png        red and green are u and v, 0 to 65535 is 0 to 1; blue is empty
000012.log_var.png   log-variances of normals (red) and UV (green), 0 to 65535 is -16 to 8; blue is empty
000012.part.png      8 bits, values of `shared.synthetic.scene.scene.Part`
000012.safetensors   points, the crop's place in the picture, the landmarks, and a JSON header that says which of the
                     maps there are; moved into place last, so that it is there means all is

PNGs of maps have 16 bits a channel, as in `shared.synthetic.storage.arrays`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from shared.geometry.crop import Crop
from shared.images.encode import write_jpeg, write_png
from shared.images.stored import StoredPictureError, read_stored
from shared.records.tensor_files import TensorFileError, read_tensors, write_tensors
from shared.records.tensor_record import TensorRecord
from shared.runs.errors import UserError
from teacher.prior.records import PriorMaps, PriorPoints, PriorPrediction

SCHEMA = "pixel3dmm-distill/maps/1"
_FULL = 65535
_LOG_VAR = (-16.0, 8.0)
_LOG_VARS = ("normal_log_var", "uv_log_var")
_POINTS = ("pixel_px", "log_var", "visible_logit")


@dataclass(frozen=True)
class FaceMaps(TensorRecord):
    """The prediction for one face, and where in the picture it is; without leading dimensions."""

    prediction: PriorPrediction  # without logits of the parts
    part: Tensor | None  # (S, S) uint8, the most likely of them
    crop: Crop
    landmarks_px: Tensor  # (478, 2) MediaPipe's, pixels of the picture

    @staticmethod
    def of(prediction: PriorPrediction, crop: Crop, landmarks_px: Tensor) -> FaceMaps:
        """A prediction as it is stored, on the CPU."""
        logits = prediction.maps.part_logits
        part = None if logits is None else logits.argmax(-3).to(torch.uint8)
        bare = replace(prediction, maps=replace(prediction.maps, part_logits=None))
        return FaceMaps(bare, part, crop, landmarks_px)


def write_face_maps(stem: Path, face: FaceMaps, image: np.ndarray, header: Mapping[str, Any]) -> None:
    """Write all files of one face. StorageError if that fails.

    Args:
        stem: path without suffixes.
        face: its values are cut to the ranges that the files can hold.
        image: (S, S, 3) uint8 RGB, the crop.
        header: JSON values to keep with it.
    """
    maps, written = face.prediction.maps, []
    write_jpeg(_path(stem, ".jpg"), image)
    if maps.normal is not None:
        written.append("normal")
        _write_png(stem, "normal", _coded(maps.normal, -1.0, 1.0))
    if maps.uv is not None:
        written.append("uv")
        _write_png(stem, "uv", _coded(_with_empty(maps.uv), 0.0, 1.0))
    doubts = [getattr(maps, name) for name in _LOG_VARS]
    if any(doubt is not None for doubt in doubts):
        written += [name for name, doubt in zip(_LOG_VARS, doubts, strict=True) if doubt is not None]
        some = next(doubt for doubt in doubts if doubt is not None)
        filled = torch.stack([torch.full_like(some, _LOG_VAR[0]) if one is None else one for one in doubts])
        _write_png(stem, "log_var", _coded(_with_empty(filled, _LOG_VAR[0]), *_LOG_VAR))
    if face.part is not None:
        written.append("part")
        _write_png(stem, "part", face.part.numpy())
    tensors = {"crop.affine": face.crop.affine, "landmarks_px": face.landmarks_px}
    points = face.prediction.points
    if points is not None:
        tensors |= {f"points.{name}": getattr(points, name) for name in _POINTS}
    facts = {"schema": SCHEMA, "maps": written, "frame": maps.frame, "size": list(face.crop.size)}
    write_tensors(_path(stem, ".safetensors"), {k: v.contiguous() for k, v in tensors.items()}, {**header, **facts})


def read_face_maps(stem: Path) -> tuple[FaceMaps, dict[str, Any]]:
    """What `write_face_maps` wrote, and its header. UserError, which names the file, if something is amiss."""
    path = _path(stem, ".safetensors")
    try:
        tensors, header = read_tensors(path, SCHEMA)
    except TensorFileError as error:
        raise UserError(str(error)) from error
    written, size = set(header["maps"]), (header["size"][0], header["size"][1])
    maps = PriorMaps(frame=header["frame"])
    if "normal" in written:
        maps = replace(maps, normal=_decoded(_read_png(stem, "normal", size), -1.0, 1.0))
    if "uv" in written:
        maps = replace(maps, uv=_decoded(_read_png(stem, "uv", size), 0.0, 1.0)[:2])
    if written & set(_LOG_VARS):
        both = _decoded(_read_png(stem, "log_var", size), *_LOG_VAR)
        maps = replace(maps, **{name: both[row] for row, name in enumerate(_LOG_VARS) if name in written})
    part = torch.from_numpy(_read_png(stem, "part", size)) if "part" in written else None
    points = None
    if "points.pixel_px" in tensors:
        points = PriorPoints(**{name: tensors[f"points.{name}"] for name in _POINTS})
    crop = Crop(tensors["crop.affine"], size)
    return FaceMaps(PriorPrediction(maps, points), part, crop, tensors["landmarks_px"]), header


def read_crop(stem: Path) -> np.ndarray:
    """(S, S, 3) uint8 RGB, the crop beside the maps. UserError if it cannot be read."""
    return _read(_path(stem, ".jpg"))


def _path(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)


def _with_empty(two: Tensor, value: float = 0.0) -> Tensor:
    return torch.cat([two, torch.full_like(two[:1], value)])


def _coded(values: Tensor, low: float, high: float) -> np.ndarray:
    """(3, H, W) -> (H, W, 3) uint16."""
    steps = (values.double() - low) * (_FULL / (high - low))
    return steps.round().clamp(0, _FULL).permute(1, 2, 0).numpy().astype(np.uint16)


def _decoded(picture: np.ndarray, low: float, high: float) -> Tensor:
    """The inverse of `_coded`, float32."""
    values = picture.astype(np.float64) * ((high - low) / _FULL) + low
    return torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1)


def _write_png(stem: Path, name: str, picture: np.ndarray) -> None:
    write_png(_path(stem, f".{name}.png"), picture)


def _read_png(stem: Path, name: str, size: tuple[int, int]) -> np.ndarray:
    path = _path(stem, f".{name}.png")
    picture = _read(path)
    depth, shape = (np.uint8, size) if name == "part" else (np.uint16, (*size, 3))
    if picture.dtype != depth or picture.shape != shape:
        wanted, found = ("x".join(map(str, dims)) for dims in (shape, picture.shape))
        raise UserError(
            f"{path} is {found} of {picture.dtype}, the other files of this face are for {wanted} of {np.dtype(depth)}"
        )
    return picture


def _read(path: Path) -> np.ndarray:
    try:
        return read_stored(path)
    except StoredPictureError as error:
        raise UserError(f"{path} {error.reason}: predict this face again") from error
