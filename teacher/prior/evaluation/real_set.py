"""A folder of real heads (docs/benchmark.md) with its truth, as the judge of maps takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from shared.evaluate.real_heads import Part, real_heads
from shared.evaluate.truth_set import TruthSet
from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.flame.model import FlameModel
from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.records.tensor_files import TensorFileError, read_tensors, write_tensors
from teacher.prior.evaluation.real_score import RealJudge
from teacher.prior.evaluation.real_truth import RealTruth, Yardstick, head_regions, posed_heads, real_truth
from teacher.prior.geometry.surface import HeadSurface
from teacher.registration.true_heads import TrueHeads, stored_heads

SCHEMA = "pixel3dmm-distill/real-truth/2"
_YARDSTICKS = ("mean", "neutral")


@dataclass(frozen=True, eq=False)
class RealPicture:
    """One picture with its truth."""

    id: str  # "PERSON/STATE_VIEW"
    image: np.ndarray  # (H, W, 3) uint8 RGB
    camera: Camera  # of the full picture
    outline_px: Tensor  # (L, 2) true landmarks: what a crop is placed around where none are detected
    facts: Mapping[str, Any]
    truth: RealTruth


@dataclass(frozen=True, eq=False)
class RealPictures(Sequence[RealPicture]):
    """Pictures, read when they are asked for; their truth is worked out once and kept in a folder."""

    pictures: TruthSet
    heads: TrueHeads
    model: FlameModel
    judge: RealJudge
    folder: Path
    indices: tuple[int, ...]  # of the pictures

    @staticmethod
    def of(
        assets: FlameAssets, root: Path, part: Part, folder: Path, first: int | None = None, quiet: bool = False
    ) -> RealPictures:
        """Of one head model.

        Args:
            assets: the head whose UV and vertices are judged.
            root, part: as of `real_heads`.
            folder: where heads laid on the scans and the truth are kept; made anew if they are of others.
            first: so many pictures, spread evenly over the list; None: all. The heads are those of the whole part.
            quiet: no progress bar.
        """
        pictures, model = real_heads(root, part), FlameModel(assets)
        heads = stored_heads(folder / f"{part}.heads.safetensors", model, pictures, quiet)
        count = len(pictures.ids) if first is None else min(first, len(pictures.ids))
        indices = tuple(place * len(pictures.ids) // count for place in range(count))
        return RealPictures(pictures, heads, model, judge_of(assets), folder, indices)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, place: int) -> RealPicture:  # type: ignore[override]
        index = self.indices[place]
        id, item = self.pictures.ids[index], self.pictures.item(index)
        assert item.camera is not None
        path = self.folder / "pictures" / f"{id.replace('/', '_')}.safetensors"
        made = {"schema": SCHEMA, "set": self.pictures.id, "head_id": self.model.assets.head_id}
        truth = _read(path, made)
        if truth is None:
            truth = real_truth(self.model, self.heads.of(id), item.truth.posed, item.camera)
            write_tensors(path, _flat(truth), made)
        _, embedding = mediapipe_embedding(self.model.assets)
        verts_m = posed_heads(self.model, self.heads.of(id)).fit_m
        outline_px = item.camera.project(embedding.positions(verts_m, self.model.faces))
        return RealPicture(id, item.image, item.camera, outline_px, item.facts, truth)


def judge_of(assets: FlameAssets) -> RealJudge:
    """Of one head."""
    return RealJudge(HeadSurface.of(assets), head_regions(assets))


def _flat(truth: RealTruth) -> dict[str, Tensor]:
    flat = {}
    for field in fields(truth):
        value = getattr(truth, field.name)
        named = {field.name: value}
        if isinstance(value, Yardstick):
            named = {f"{field.name}.{one.name}": getattr(value, one.name) for one in fields(value)}
        flat |= {name: tensor.contiguous() for name, tensor in named.items()}
    return flat


def _read(path: Path, made: Mapping[str, object]) -> RealTruth | None:
    """None if there is none, or of another set or head."""
    try:
        tensors, header = read_tensors(path, SCHEMA)
    except TensorFileError:
        return None
    if any(header.get(key) != value for key, value in made.items()):
        return None
    mean, neutral = (
        Yardstick(**{one.name: tensors.pop(f"{name}.{one.name}") for one in fields(Yardstick)}) for name in _YARDSTICKS
    )
    return RealTruth(mean=mean, neutral=neutral, **tensors)
