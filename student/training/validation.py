"""Figures of a student while it trains: millimetres on the benchmark, and the loss's terms on faces that were kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from shared.evaluate.benchmark_portraits import BenchmarkPortraits, spread_pictures
from shared.evaluate.faces import FaceMesh, skin_samples
from shared.evaluate.protocol import Reconstruction
from shared.evaluate.score import score_picture
from shared.evaluate.truth_set import BenchmarkItem
from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.records.tensor_record import stack
from shared.training.samples import collate
from student.data.source import Source
from student.head.predictor import Predictor, TorchNetwork
from student.network.model import StudentNetwork
from student.network.records import StudentSample
from student.network.weights import TrainedStudent
from student.training.losses import StudentLoss

_HELD = 256  # faces at most
_SHOWN = ("vertices", "neutral", "landmarks", "rotation", "place", "closure", "eyes")


@dataclass(frozen=True, eq=False)
class _Picture:
    item: BenchmarkItem
    camera: Camera  # of the item
    landmarks_px: torch.Tensor  # (478, 2) that the landmarker finds
    blendshapes: torch.Tensor  # (52,) and its blendshapes


def validation(
    model: FlameModel, loss: StudentLoss, held: Source | None, count: int
) -> Callable[[StudentNetwork], dict[str, float]]:
    """What validates a network.

    Args:
        model: of the head that is trained, on the CPU.
        loss: of the run.
        held: faces that are not trained on.
        count: pictures of the benchmark, drawn now if they never were, without those on which no face is found.
    """
    pictures = _pictures(model, count) if count else []
    sample = None if held is None else _held_sample(held)

    def run(network: StudentNetwork) -> dict[str, float]:
        found = {} if sample is None else _on_held(network, sample, loss)
        return found | (_on_benchmark(network, model, pictures) if pictures else {})

    return run


def _on_held(network: StudentNetwork, sample: StudentSample, loss: StudentLoss) -> dict[str, float]:
    device = network.view.rest_m.device
    with torch.inference_mode():
        output = network(sample.input.to(device)).to("cpu")
        _, terms = loss(output, sample.target)
    return {f"held_{name}": float(terms[name]) for name in _SHOWN}


def _on_benchmark(network: StudentNetwork, model: FlameModel, pictures: list[_Picture]) -> dict[str, float]:
    predictor = Predictor(TorchNetwork(TrainedStudent(network, model.assets.head_id, {})), model)
    posed, neutral, marks = [], [], []
    for one in pictures:
        landmarks, camera = one.landmarks_px[None], stack([one.camera])
        heads = predictor.predict([one.item.image], landmarks, landmarks, camera, one.blendshapes[None])
        with torch.inference_mode():
            rest = model(replace(model.neutral_params(), shape=heads.params.shape[0])).verts_m
        found = Reconstruction(
            posed=FaceMesh.of_head(heads.verts_m[0], model.assets),
            neutral=FaceMesh.of_head(rest, model.assets),
            landmarks_px=heads.mesh_landmarks_px[0],
        ).checked()
        score = score_picture(found, one.item.truth)
        posed.append(score.posed.by_landmarks.l1_mm)
        neutral.append(score.neutral.by_landmarks.l1_mm if score.neutral else 0.0)
        marks.append(score.landmark_error or 0.0)
    means = (float(torch.tensor(values).mean()) for values in (posed, neutral, marks))
    return dict(zip(("posed_mm", "neutral_mm", "landmark_error"), means, strict=True))


def _pictures(model: FlameModel, count: int) -> list[_Picture]:
    portraits, samples = BenchmarkPortraits.of(model.assets), skin_samples(model.assets)
    chosen = spread_pictures(count)
    portraits.prepare(chosen)
    found = []
    for index in chosen:
        portrait, detection = portraits[index]
        if detection is not None:
            item = BenchmarkItem.of(portrait, model, samples)
            found.append(_Picture(item, portrait.truth.camera, detection.landmarks_px, detection.blendshapes))
    return found


def _held_sample(held: Source) -> StudentSample | None:
    stride = max(1, len(held) // _HELD)
    return collate([held[index] for index in range(0, len(held), stride)]).sample
