"""An evaluation with all it leaves behind: results.json, table.txt and contact sheets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from shared.evaluate import benchmark
from shared.flame.assets import load_flame
from shared.flame.schema import FlameAssets
from shared.images.source import find_photos
from shared.landmarker.search import FaceLandmarker
from shared.runs.errors import UserError
from shared.runs.files import write_json, write_text
from shared.runs.provenance import git_sha
from teacher.config import PriorEvaluateConfig
from teacher.prior.evaluation.benchmark_crops import BenchmarkCrops
from teacher.prior.evaluation.judge import Judge, Judged, Predict, evaluate
from teacher.prior.evaluation.photos import PhotoReport, judge_photos, readers
from teacher.prior.evaluation.table import lines
from teacher.prior.geometry.landmark_maps import LandmarkMapper
from teacher.prior.geometry.lookup import UvIndex
from teacher.prior.geometry.surface import HeadSurface
from teacher.prior.networks.vertices import spread_vertices
from teacher.prior.networks.weights import Prior
from teacher.prior.prediction.pictures import photo
from teacher.prior.prediction.predictor import Predictor
from teacher.prior.prediction.sheets import sheet_row, write_sheet
from teacher.prior.records import PriorInput, PriorPrediction

SCHEMA = "pixel3dmm-distill/prior-evaluation/1"
_SHEET = 16  # benchmark pictures on it
_VERTICES = 1024  # that are looked for in the UV map of a network which predicts no points


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A finished one."""

    judged: Judged
    photos: PhotoReport | None  # None if the network predicts no UV
    files: tuple[Path, ...]

    def lines(self) -> Iterator[str]:
        """For the terminal and table.txt."""
        yield from lines(self.judged)
        if self.photos is not None:
            yield ""
            yield from self.photos.lines()


def run_evaluation(prior: Prior, config: PriorEvaluateConfig, device: torch.device) -> Evaluation:
    """Judge a network and write what was found. UserError, StorageError: something the user can put right."""
    out, network, assets = Path(config.out), prior.network, load_flame()
    _check_head(prior, assets)
    photos = readers([] if config.photos is None else find_photos("photos", config.photos))
    predict = Predictor(prior, config.batch_size, config.flip, device, assets).predict
    vertices = network.vertices
    vertices = spread_vertices(assets, _VERTICES) if vertices is None else vertices.cpu()
    crops = BenchmarkCrops.of(assets, network, vertices, config.first)
    crops.portraits.prepare(crops.indices)
    surface = HeadSurface.of(assets)
    judged = evaluate(predict, crops, Judge(surface, UvIndex.of(assets.vertex_uv()[vertices])), config.batch_size)
    report, sheets = None, [_benchmark_sheet(out / "benchmark.jpg", predict, crops)]
    if _predicts_uv(predict, crops):
        report = judge_photos(photos, predict, FaceLandmarker(), LandmarkMapper.of(assets), surface, network.size)
        sheets += [_photo_sheet(out / "photos.jpg", report)] if report.judged else []
    done = Evaluation(judged, report, tuple(sheets))
    results = write_json(out / "results.json", _record(prior, config, crops, done))
    table = write_text(out / "table.txt", "\n".join(done.lines()) + "\n")
    return Evaluation(judged, report, (results, table, *sheets))


def _check_head(prior: Prior, assets: FlameAssets) -> None:
    if prior.head_id != assets.head_id:
        raise UserError(
            f"the weights speak of head {prior.head_id}, and the benchmark shows the open head ({assets.head_id})"
        )


def _predicts_uv(predict: Predict, crops: BenchmarkCrops) -> bool:
    return all(one.maps.uv is not None for one in predict([crops[0].input]))


def _record(prior: Prior, config: PriorEvaluateConfig, crops: BenchmarkCrops, done: Evaluation) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "set": f"synthetic-{benchmark.SEED}-{benchmark.PERSONS}x{len(benchmark.VIEWS)}",
        "pictures": len(crops),
        "config": asdict(config),
        "git_sha": git_sha(),
        "weights": prior.header,
        **{name: [asdict(group) for group in groups] for name, groups in vars(done.judged).items()},
        "photos": None if done.photos is None else done.photos.record(),
    }


def _benchmark_sheet(path: Path, predict: Predict, crops: BenchmarkCrops) -> Path:
    """Some pictures without landmarks, as these show what the network sees for itself."""
    step = max(1, len(crops) // _SHEET)
    some = [crops[place] for place in range(0, len(crops), step)][:_SHEET]
    inputs = [crop.input.without_landmarks() for crop in some]
    captions = [f"{crop.facts.kind}, yaw {crop.facts.yaw_deg:.0f}, without landmarks" for crop in some]
    return write_sheet(path, _rows(inputs, list(predict(inputs)), captions), columns=2)


def _photo_sheet(path: Path, report: PhotoReport) -> Path:
    rows = []
    for one in report.judged:
        captions = [f"{one.id}, {how} landmarks" for how in ("with", "without")]
        rows += _rows([one.input] * 2, [one.with_landmarks, one.without_landmarks], captions)
    return write_sheet(path, rows, columns=2)


def _rows(inputs: Sequence[PriorInput], found: Sequence[PriorPrediction], captions: Sequence[str]) -> list[np.ndarray]:
    rows = []
    for one, prediction, caption in zip(inputs, found, captions, strict=True):
        logits = prediction.maps.part_logits
        rows.append(sheet_row(photo(one.image), prediction.maps, None if logits is None else logits.argmax(0), caption))
    return rows
