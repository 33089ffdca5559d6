"""Labels on disk: one safetensors file a shard, one row a face, where teacher and student meet.

Every stored tensor is named as the field of `LabelShard`, `FlameParams` or `Camera` that it fills. The camera is that
of the full picture. Equal labels give equal bytes: there is no time, path or process number in a file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.params import FlameParams
from shared.flame.segmentation import FACE_PARTS
from shared.geometry.camera import Camera
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.records.tensor_files import TensorFileError, read_tensors, write_tensors
from shared.records.tensor_record import TensorRecord, concatenate

SCHEMA = "pixel3dmm-distill/labels/4"
# Read, not written. 3 has other names for the same; 2 is 3 without blendshapes.
_OLDER = ("pixel3dmm-distill/labels/3", "pixel3dmm-distill/labels/2")
_FORMER_NAMES = {"detected_landmarks_px": "landmarks_px", "quality": "score", "map_found": "seen"}
RUN_SCHEMA = "pixel3dmm-distill/run/1"  # of the manifest beside them, which names their pictures
CONVENTIONS = "1"  # of CONVENTIONS.md; raise it when an axis, unit or order changes
SUFFIX = ".safetensors"

_PARAMS = tuple(f.name for f in fields(FlameParams))
_CAMERA = ("focal_px", "center_px", "T_cam_world", "size")
_OTHERS = (
    *("detected_landmarks_px", "confidence", "quality", "landmark_error", "eye_distance_m", "code_rms", "drift"),
    "map_found",
)
_OPTIONAL = ("blendshapes", "verts_m")  # only in files of runs that have them


class LabelError(Exception):
    """A label file that cannot be used; the message names it and says why."""


@dataclass(frozen=True)
class Cameras(TensorRecord):
    """`Camera` for N pictures of different sizes."""

    focal_px: Tensor  # (N, 2)
    center_px: Tensor  # (N, 2)
    T_cam_world: Tensor  # (N, 4, 4)
    size: Tensor  # (N, 2) int64, height and width in pixels

    @staticmethod
    def of(cameras: Sequence[Camera]) -> Cameras:
        """Rows of single cameras, without leading dimensions."""
        focal, center, pose = (
            torch.stack([getattr(one, name) for one in cameras]) for name in ("focal_px", "center_px", "T_cam_world")
        )
        return Cameras(focal, center, pose, torch.tensor([one.size for one in cameras]))

    def camera(self, row: int) -> Camera:
        """The camera of one face, without leading dimensions."""
        height, width = self.size[row].tolist()
        return Camera(self.focal_px[row], self.center_px[row], self.T_cam_world[row], (height, width))


@dataclass(frozen=True)
class LabelShard(TensorRecord):
    """Labels of N faces. Float32, full-image pixels, metres, radians."""

    ids: tuple[str, ...]  # N names: the picture's id, '#', and the face's number in it, 0 for the largest
    focal_sources: tuple[str, ...]  # N: "given", "exif", "estimated" or "assumed"
    params: FlameParams  # (N, ...)
    cameras: Cameras  # (N, ...)
    crop_affine: Tensor  # (N, 2, 3) image pixels -> pixels of the crop that was fitted; ``crop.affine`` in the file
    crop_size: Tensor  # (N, 2) int64 height and width of that crop; ``crop.size`` in the file
    detected_landmarks_px: Tensor  # (N, 478, 2) where the landmarker sees MediaPipe's points
    confidence: Tensor  # (N, R) of `FACE_PARTS`: 1 seen from all over and known exactly, 0 not seen
    quality: Tensor  # (N,) in [0, 1], the margin of the weakest check of the quality gate
    landmark_error: Tensor  # (N,) mean distance to the inner landmarks / eye corners' distance, seen from the front
    eye_distance_m: Tensor  # (N,) between the eyeball centres
    code_rms: Tensor  # (N, 2) of shape and expression, in standard deviations
    drift: Tensor  # (N,) reach of the neutral head along an expression, in standard deviations of people's heads
    map_found: Tensor  # (N,) share of the vertices that the prior's maps show; 0 without a prior
    # (N, 52) the landmarker's, 0 to 1, in the order of `shared.landmarker.blendshapes.BLENDSHAPE_NAMES`; blind for
    # mouthFrown and browDown. None where it computes none, and in files of schema 2.
    blendshapes: Tensor | None = None
    verts_m: Tensor | None = None  # (N, V, 3) posed mesh in the world, where the run was asked for it
    provenance: Mapping[str, Any] = field(default_factory=dict)  # what `write_shard` was given, and schema, conventions

    def __len__(self) -> int:
        return len(self.ids)


def empty_shard(n_shape: int, n_expression: int, n_vertices: int | None = None) -> LabelShard:
    """No rows, with all fields: the label shard of pictures without a usable face. ``n_vertices`` None: no meshes."""
    zeros = torch.zeros
    return LabelShard(
        ids=(),
        focal_sources=(),
        params=FlameParams.neutral(n_shape, n_expression, (0,)),
        cameras=Cameras(zeros(0, 2), zeros(0, 2), zeros(0, 4, 4), zeros(0, 2, dtype=torch.int64)),
        crop_affine=zeros(0, 2, 3),
        crop_size=zeros(0, 2, dtype=torch.int64),
        detected_landmarks_px=zeros(0, N_MEDIAPIPE, 2),
        confidence=zeros(0, len(FACE_PARTS)),
        quality=zeros(0),
        landmark_error=zeros(0),
        eye_distance_m=zeros(0),
        code_rms=zeros(0, 2),
        drift=zeros(0),
        map_found=zeros(0),
        blendshapes=zeros(0, N_BLENDSHAPES),
        verts_m=None if n_vertices is None else zeros(0, n_vertices, 3),
    )


def shard_name(index: int, count: int) -> str:
    """File name of shard ``index`` of ``count``: sorted by name is sorted by number."""
    return f"{index:0{max(5, len(str(count - 1)))}d}{SUFFIX}"


def write_shard(path: Path, shard: LabelShard, provenance: Mapping[str, Any]) -> Path:
    """Write one shard atomically.

    Args:
        path: the file.
        shard: rows and ids; its own ``provenance`` is not used.
        provenance: JSON values about where the labels come from: config hash, git sha, head id, ...

    Raises:
        ValueError: a field has another number of rows than there are ids, or holds NaN or infinity.
        StorageError: the file cannot be written.
    """
    tensors = _tensors(shard)
    for name, tensor in tensors.items():
        if tensor.shape[0] != len(shard.ids):
            raise ValueError(f"{name} has {tensor.shape[0]} rows, but there are {len(shard.ids)} ids")
        if not bool(torch.isfinite(tensor).all()):
            rows = (~torch.isfinite(tensor)).flatten(1).any(1).nonzero().flatten().tolist()
            raise ValueError(f"{name} is not finite for {', '.join(shard.ids[row] for row in rows[:5])}")
    header = {
        "schema": SCHEMA,
        "conventions": CONVENTIONS,
        "ids": list(shard.ids),
        "focal_sources": list(shard.focal_sources),
        "parts": list(FACE_PARTS),
        **provenance,
    }
    return write_tensors(path, tensors, header)


def read_shard(path: Path) -> LabelShard:
    """Read one shard. LabelError if it is damaged or of another schema or convention."""
    try:
        tensors, header = read_tensors(path, SCHEMA, *_OLDER)
    except TensorFileError as error:
        raise LabelError(str(error)) from error
    conventions = header.get("conventions")
    if conventions != CONVENTIONS:
        raise LabelError(f"{path} has conventions {conventions!r}; this version reads {CONVENTIONS!r}: write it anew")
    if header["schema"] in _OLDER:
        tensors |= {name: tensors[former] for name, former in _FORMER_NAMES.items() if former in tensors}
    try:
        return LabelShard(
            ids=tuple(header.pop("ids")),
            focal_sources=tuple(header.pop("focal_sources")),
            params=FlameParams(**{name: tensors[name] for name in _PARAMS}),
            cameras=Cameras(**{name: tensors[name] for name in _CAMERA}),
            crop_affine=tensors["crop.affine"],
            crop_size=tensors["crop.size"],
            **{name: tensors[name] for name in _OTHERS},
            blendshapes=tensors.get("blendshapes"),
            verts_m=tensors.get("verts_m"),
            provenance=header,
        )
    except KeyError as error:
        raise LabelError(f"{path} lacks {error}") from error


def label_files(folder: Path) -> list[Path]:
    """The shard files of a run's folder, or of its ``labels`` folder, in order. LabelError if there is none."""
    for place in (folder / "labels", folder):
        found = sorted(path for path in place.glob(f"*{SUFFIX}") if not path.name.startswith("."))
        if found:
            return found
    raise LabelError(f"no label shards (*{SUFFIX}) in {folder}: run teacher/fit_dataset.py with out={folder} first")


def read_labels(folder: str | os.PathLike[str]) -> LabelShard:
    """All labels of a run as one record; ``provenance`` is the first shard's.

    Raises LabelError if there are none, or if shards come from different heads.
    """
    shards = [read_shard(path) for path in label_files(Path(folder))]
    heads = {str(shard.provenance.get("head_id")) for shard in shards}
    if len(heads) > 1:
        raise LabelError(
            f"{folder} mixes labels of different heads ({', '.join(sorted(heads))}); codes do not carry over"
        )
    return join(shards)


def join(shards: Sequence[LabelShard]) -> LabelShard:
    """Shards below one another, with the provenance of the first; blendshapes only if all rows have them."""
    ids = tuple(one for shard in shards for one in shard.ids)
    focal_sources = tuple(one for shard in shards for one in shard.focal_sources)
    bare = [replace(shard, ids=(), focal_sources=(), provenance={}) for shard in _alike(shards)]
    rows = concatenate(bare)
    return replace(rows, ids=ids, focal_sources=focal_sources, provenance=shards[0].provenance)


def _alike(shards: Sequence[LabelShard]) -> Sequence[LabelShard]:
    """The same with blendshapes in all or in none; shards without rows go with the others."""
    known = all(shard.blendshapes is not None for shard in shards if len(shard))
    none = torch.zeros(0, N_BLENDSHAPES) if known else None
    return [shard if known and len(shard) else replace(shard, blendshapes=none) for shard in shards]


def _tensors(shard: LabelShard) -> dict[str, Tensor]:
    """Named tensors, contiguous on the CPU, float32 or int64."""
    found = {name: getattr(shard.params, name) for name in _PARAMS}
    found |= {name: getattr(shard.cameras, name) for name in _CAMERA}
    found |= {"crop.affine": shard.crop_affine, "crop.size": shard.crop_size}
    found |= {name: getattr(shard, name) for name in _OTHERS}
    found |= {name: getattr(shard, name) for name in _OPTIONAL if getattr(shard, name) is not None}
    return {
        name: (tensor.float() if tensor.is_floating_point() else tensor.long()).detach().cpu().contiguous()
        for name, tensor in found.items()
    }
