"""Heads before cameras as portraits have them, without the pictures: a hundredth of the time.

Head ``i`` of a series is that of portrait ``i`` of the same series (`shared.synthetic.studio`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.points import FlamePoints
from shared.geometry.camera import Camera
from shared.records.tensor_files import read_tensors, write_tensors
from shared.records.tensor_record import TensorRecord, concatenate, stack
from shared.synthetic.pose.identity import draw_identity
from shared.synthetic.pose.shot import draw_shot
from shared.synthetic.scene.streams import stream
from shared.synthetic.storage.posed_tensors import cameras_of, params_of, posed_tensors
from shared.synthetic.studio import Order

SCHEMA = "pixel3dmm-distill/drawn-heads/1"
_SIZE = (512, 512)  # of the pictures that nobody takes
_BATCH = 64


@dataclass(frozen=True)
class DrawnHeads(TensorRecord):
    """N heads, each of another person."""

    params: FlameParams
    camera: Camera


def draw_heads(model: FlameModel, count: int, seed: int, workers: int = 0) -> DrawnHeads:
    """Heads 0 to ``count`` of a series. ValueError if the head model has no ARKit units or landmarks."""
    embedding = model.assets.landmarks.get("mediapipe")
    if embedding is None:
        raise ValueError(f"head {model.assets.name!r} has no landmarks to draw pictures by")
    series = _Series(model, FlamePoints.from_embedding(model, embedding), count, seed)
    batches = DataLoader(series, _BATCH, num_workers=workers, collate_fn=stack)
    with tqdm(total=count, desc="drawing heads", unit="head", dynamic_ncols=True) as bar:
        rows = []
        for batch in batches:
            rows.append(batch)
            bar.update(len(batch.params.shape))
    return concatenate(rows)


def stored_heads(path: Path, model: FlameModel, count: int, seed: int, workers: int = 0) -> DrawnHeads:
    """The same, kept in a file, so that they are drawn once. Drawn anew where the file is of others."""
    wanted = {"head_id": model.assets.head_id, "count": count, "seed": seed}
    if path.is_file():
        tensors, header = read_tensors(path, SCHEMA)
        if {name: header.get(name) for name in wanted} == wanted:
            return DrawnHeads(params_of(tensors), cameras_of(tensors, _SIZE))
    heads = draw_heads(model, count, seed, workers)
    write_tensors(path, posed_tensors(heads.params, heads.camera), {"schema": SCHEMA, **wanted})
    return heads


class _Series(Dataset[DrawnHeads]):
    def __init__(self, model: FlameModel, marks: FlamePoints, count: int, seed: int) -> None:
        self.model, self.marks, self.count, self.seed = model, marks, count, seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> DrawnHeads:
        torch.set_num_threads(1)
        order = Order.draw(self.seed, index)
        shape = draw_identity(self.model, stream(self.seed, order.person, "identity"))
        rng = stream(self.seed, index, "shot")
        shot = draw_shot(self.model, self.marks, shape, order.kind, _SIZE, rng)
        return DrawnHeads(shot.params, shot.camera)
