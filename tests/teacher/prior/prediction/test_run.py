"""A prediction run: folders in, maps and a report out, whatever the files are like."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shared.images.faces import DetectedFace
from shared.runs.errors import UserError
from shared.synthetic.storage.arrays import read_picture
from teacher.config import PriorPredictConfig
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.networks.weights import Prior
from teacher.prior.prediction.map_files import read_face_maps
from teacher.prior.prediction.predictor import Predictor
from teacher.prior.prediction.tools import PredictTools
from teacher.prior.records import PriorInput, PriorMaps, PriorPrediction
from teacher.runs.map_prediction import run_prediction
from tests.teacher.fakes import FakeDetector, make_photos

SIZE = 64


class MeanColour(PriorNetwork):
    """Its UV is the picture's red and green."""

    def __init__(self) -> None:
        super().__init__()
        self.size, self.frame, self.backbone, self.sees_landmarks = SIZE, "crop", nn.Identity(), False
        self.batches: list[int] = []

    @property
    def vertices(self) -> Tensor | None:
        return None

    def forward(self, inputs: PriorInput) -> PriorPrediction:
        self.batches.append(len(inputs.image))
        return PriorPrediction(PriorMaps("crop", uv=inputs.image[:, :2], uv_log_var=inputs.image[:, 2] - 9))


class TwoFaces(FakeDetector):
    """Every face twice."""

    def detect(self, image: np.ndarray) -> list[DetectedFace]:
        return super().detect(image) * 2


def tools(weights_id: str = "one", batch_size: int = 2) -> PredictTools:
    predictor = Predictor(Prior(MeanColour(), "head", {}), batch_size, False, "cpu")
    return PredictTools(predictor, None, FakeDetector, weights_id)


def batches(of: PredictTools) -> list[int]:
    network = of.predictor.network
    assert isinstance(network, MeanColour)
    return network.batches


@pytest.fixture
def config(tmp_path: Path) -> PriorPredictConfig:
    """Five photos, one of them without a face and one damaged."""
    make_photos(tmp_path / "in", 3, (80, 80))
    cv2.imwrite(str(tmp_path / "in" / "black.png"), np.zeros((80, 80, 3), np.uint8))
    (tmp_path / "in" / "broken.jpg").write_bytes((tmp_path / "in" / "0000.jpg").read_bytes()[:200])
    return PriorPredictConfig(inputs=str(tmp_path / "in"), out=str(tmp_path / "out"), batch_size=2)


def report(config: PriorPredictConfig) -> dict[str, dict]:
    entries = json.loads((Path(config.out) / "report.json").read_text())["faces"]
    return {entry["id"]: entry for entry in entries}


def test_every_input_is_in_the_report_and_every_face_has_its_maps(config: PriorPredictConfig) -> None:
    used = tools()
    summary = run_prediction(config, used, quiet=True)
    assert (summary.faces, summary.empty, len(summary.unreadable)) == (3, 1, 1)
    entries = report(config)
    assert list(entries) == ["0000.jpg#0", "0001.jpg#0", "0002.jpg#0", "black.png", "broken.jpg"]
    assert entries["black.png"]["problem"] == "no face found"
    assert "JPEG" in entries["broken.jpg"]["problem"]
    assert max(batches(used)) == 2
    for number in range(3):
        entry = entries[f"{number:04d}.jpg#0"]
        face, header = read_face_maps(Path(config.out) / entry["maps"])
        photo = read_picture(Path(config.inputs) / f"{number:04d}.jpg")
        uv = face.prediction.maps.uv
        assert uv is not None
        assert torch.allclose(uv.mean((1, 2)), torch.tensor(photo[0, 0, :2] / 255.0).float(), atol=0.01)
        assert header["face"]["id"] == f"{number:04d}.jpg#0"
        assert entry["quality"]["uv_sigma"] is not None
    assert read_picture(Path(config.out) / "contact_sheet.jpg").shape[0] > 3 * 200


def test_a_restart_does_what_is_missing(config: PriorPredictConfig) -> None:
    run_prediction(config, tools(), quiet=True)
    first = report(config)
    (Path(config.out) / "faces" / "000001.json").unlink()
    again = tools()
    run_prediction(replace(config, batch_size=7), again, quiet=True)
    assert batches(again) == [1]
    assert report(config) == first


def test_another_run_in_the_folder_is_refused_or_overwritten(config: PriorPredictConfig) -> None:
    run_prediction(config, tools(), quiet=True)
    with pytest.raises(UserError, match="weights was one and is two"):
        run_prediction(config, tools("two"), quiet=True)
    used = tools("two")
    run_prediction(replace(config, overwrite=True), used, quiet=True)
    assert sum(batches(used)) == 3


def test_all_faces_and_clips(tmp_path: Path) -> None:
    clip = cv2.VideoWriter(str(tmp_path / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (96, 80))
    for level in (120, 0, 160):
        clip.write(np.full((80, 96, 3), level, np.uint8))
    clip.release()
    used = replace(tools(batch_size=4), detector=TwoFaces)
    config = PriorPredictConfig(inputs=str(tmp_path / "clip.mp4"), out=str(tmp_path / "out"), batch_size=4, faces="all")
    summary = run_prediction(config, used, quiet=True)
    assert (summary.faces, summary.empty) == (4, 1)
    entries = report(config)
    assert {"clip.mp4/000000#0", "clip.mp4/000000#1", "clip.mp4/000001", "clip.mp4/000002#1"} <= set(entries)
    assert len({entry["maps"] for entry in entries.values()}) == 5


def test_inputs_that_are_not_there_or_hold_the_results(tmp_path: Path, config: PriorPredictConfig) -> None:
    with pytest.raises(UserError, match="inputs="):
        run_prediction(replace(config, inputs=str(tmp_path / "nothing")), tools(), quiet=True)
    with pytest.raises(UserError, match="lies inside"):
        run_prediction(replace(config, out=f"{config.inputs}/maps"), tools(), quiet=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no photos"):
        run_prediction(replace(config, inputs=str(tmp_path / "empty")), tools(), quiet=True)
