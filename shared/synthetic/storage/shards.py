"""Portraits on disk, shard by shard: writing them, and reading them back as `Portrait`s.

manifest.json        what the pictures depend on
shards/00000/        four files a picture, see `storage`
shards/00000.safetensors   everything else of the shard; moved into place last, so that it is there means all is
locks/               who works on what, dropped by the system with the process
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.records.tensor_files import TensorFileError, read_tensors, write_tensors
from shared.records.tensor_record import stack
from shared.synthetic.scene.portrait import Portrait, PortraitFacts, PortraitTruth
from shared.synthetic.storage.arrays import (
    PortraitError,
    StoredMaps,
    depth_range,
    read_maps,
    read_picture,
    write_maps,
    write_picture,
)
from shared.synthetic.storage.detection import Detect, Detection
from shared.synthetic.storage.posed_tensors import cameras_of, params_of, posed_tensors

SCHEMA = "pixel3dmm-distill/portraits/2"  # 2: with blendshapes
_POINTS = ("vertex_visible", "landmarks_px", "landmarks_visible", "landmarks68_px", "landmarks68_visible")


@dataclass(frozen=True)
class ShardWriter:
    """How portraits are written."""

    root: Path
    image_format: str
    quality: int
    provenance: dict[str, Any]  # goes into every shard
    detect: Detect | None = None  # asked on the picture as it was stored

    def write(self, shard: int, portraits: Iterable[Portrait]) -> None:
        """Write a shard; each portrait is let go as soon as its pictures are on disk."""
        rows: list[PortraitTruth] = []
        facts: list[dict[str, Any]] = []
        neutral: dict[int, Tensor] = {}  # by person
        ranges, found = [], []
        for number, portrait in enumerate(portraits):
            stem = picture_stem(self.root, shard, number)
            truth = portrait.truth
            write_picture(stem, portrait.image, self.image_format, self.quality)
            ranges.append(depth_range(truth.depth_m))
            write_maps(stem, StoredMaps(truth.normal, truth.uv, truth.depth_m, truth.part), ranges[-1])
            if self.detect is not None:
                found.append(self.detect(read_picture(stem.with_name(f"{stem.name}.{self.image_format}"))))
            nothing = truth.depth_m.new_zeros(0)
            neutral.setdefault(portrait.facts.person, truth.neutral_m)
            maps = {"normal": nothing, "uv": nothing, "depth_m": nothing, "part": nothing}
            rows.append(replace(truth, **maps, neutral_m=nothing))
            facts.append(asdict(portrait.facts))
        tensors = _tensors(stack(rows)) | {"depth_range_m": torch.tensor(ranges, dtype=torch.float64)}
        tensors |= {"people": torch.tensor(list(neutral)), "people.neutral_m": torch.stack(list(neutral.values()))}
        if self.detect is not None:
            tensors |= _detection_tensors(found)
        header = {
            "schema": SCHEMA,
            "size": list(rows[0].camera.size),
            "image_format": self.image_format,
            "facts": facts,
        }
        write_tensors(shard_path(self.root, shard), tensors, header | self.provenance)


def shard_path(root: Path, shard: int) -> Path:
    """The file that closes a shard."""
    return root / "shards" / f"{shard:05d}.safetensors"


def picture_stem(root: Path, shard: int, number: int) -> Path:
    """Path of a picture's files without their suffixes."""
    return root / "shards" / f"{shard:05d}" / f"{number:06d}"


def _tensors(rows: PortraitTruth) -> dict[str, Tensor]:
    points = {name: getattr(rows, name).contiguous() for name in _POINTS}
    return posed_tensors(rows.params, rows.camera) | points


def _detection_tensors(found: Sequence[Detection | None]) -> dict[str, Tensor]:
    none = Detection(torch.zeros(N_MEDIAPIPE, 2), torch.zeros(N_BLENDSHAPES))
    rows = [none if one is None else one for one in found]
    return {
        "detected": torch.tensor([one is not None for one in found]),
        "detected_px": torch.stack([row.landmarks_px for row in rows]),
        "detected_blendshapes": torch.stack([row.blendshapes for row in rows]),
    }


@dataclass(frozen=True)
class Shard:
    """The numbers of one shard, without pictures and maps."""

    root: Path
    number: int
    header: dict[str, Any]
    tensors: dict[str, Tensor]

    @staticmethod
    def read(path: Path) -> Shard:
        """PortraitError if the file is damaged or of another version."""
        try:
            tensors, header = read_tensors(path, SCHEMA)
        except TensorFileError as error:
            raise PortraitError(str(error)) from error
        return Shard(path.parents[1], int(path.stem), header, tensors)

    def __len__(self) -> int:
        return len(self.header["facts"])

    def __reduce__(self) -> tuple[Any, ...]:
        return Shard.read, (shard_path(self.root, self.number),)  # worker processes read it, and copy nothing

    @property
    def params(self) -> FlameParams:
        """(N) of all portraits."""
        return params_of(self.tensors)

    @property
    def cameras(self) -> Camera:
        """(N) of all portraits."""
        height, width = self.header["size"]
        return cameras_of(self.tensors, (height, width))

    def picture(self, row: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB of one portrait. PortraitError if it cannot be read."""
        stem = picture_stem(self.root, self.number, row)
        return read_picture(stem.with_name(f"{stem.name}.{self.header['image_format']}"))

    def portrait(self, row: int) -> Portrait:
        """Read one portrait. PortraitError if a file of it is damaged or gone."""
        tensors = self.tensors
        facts = self.header["facts"][row]
        person = int((tensors["people"] == facts["person"]).nonzero()[0, 0])
        stem = picture_stem(self.root, self.number, row)
        near, far = tensors["depth_range_m"][row].tolist()
        maps = read_maps(stem, (near, far))
        truth = PortraitTruth(
            params=self.params[row],
            camera=self.cameras[row],
            normal=maps.normal,
            uv=maps.uv,
            depth_m=maps.depth_m,
            part=maps.part,
            neutral_m=tensors["people.neutral_m"][person],
            **{name: tensors[name][row] for name in _POINTS},
        )
        return Portrait(self.picture(row), truth, PortraitFacts(**facts | {"occluders": tuple(facts["occluders"])}))

    def detection(self, row: int) -> Detection | None:
        """What the landmarker found; None if it found no face, or was not asked."""
        if "detected_blendshapes" not in self.tensors or not bool(self.tensors["detected"][row]):
            return None
        return Detection(self.tensors["detected_px"][row], self.tensors["detected_blendshapes"][row])


class StoredPortraits(Dataset[Portrait]):
    """The portraits of a folder that `python -m shared.synthetic` wrote, in order.

    PortraitError if there are none, or if they are of different heads.
    """

    def __init__(self, folder: Path) -> None:
        paths = sorted((folder / "shards").glob("*.safetensors"))
        self.shards = [Shard.read(path) for path in paths if not path.name.startswith(".")]
        if not self.shards:
            raise PortraitError(f"no finished shards in {folder}: run python -m shared.synthetic out={folder} first")
        heads = {str(shard.header.get("head_id")) for shard in self.shards}
        if len(heads) > 1:
            raise PortraitError(f"{folder} mixes portraits of different heads: {', '.join(sorted(heads))}")
        self._places = [(shard, row) for shard in self.shards for row in range(len(shard))]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Portrait:
        shard, row = self._places[index]
        return shard.portrait(row)

    def detection(self, index: int) -> Detection | None:
        """As `Shard.detection`."""
        shard, row = self._places[index]
        return shard.detection(row)

    @property
    def head_id(self) -> str:
        """Which head's codes the portraits hold."""
        return str(self.shards[0].header["head_id"])
