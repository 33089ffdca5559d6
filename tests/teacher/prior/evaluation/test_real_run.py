"""A whole evaluation on a folder of real people, and what it keeps between runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.flame.assets import load_flame
from shared.geometry.crop import Crop
from shared.geometry.face_crop import R_crop_camera
from shared.runs.errors import UserError
from teacher.config import PriorEvaluateConfig
from teacher.prior.evaluation.real_run import RealCrop, predicted_maps, run_on_real_heads
from teacher.prior.evaluation.real_set import RealPicture, RealPictures
from teacher.prior.geometry.crops import prior_input
from teacher.prior.networks.weights import load_prior
from teacher.prior.records import Frame, PriorMaps, PriorPrediction
from teacher.registration import true_heads
from tests.evaluate.real_people import write_people
from tests.teacher.prior.evaluation.exact_heads import CAMERA, SIDE, exact_truth

CPU = torch.device("cpu")


@pytest.mark.slow
def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, kept = write_people(tmp_path / "heads"), tmp_path / "truth"
    config = PriorEvaluateConfig(
        out=str(tmp_path / "out"), set="real_heads", path=str(root), part="all", truth=str(kept), batch_size=3
    )
    done = run_on_real_heads(load_prior("default", CPU), config, CPU)
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["pictures"] == 4
    assert results["found"] == 0  # the pictures show nothing: the crops are around the true landmarks
    assert set(results["judged"]) == {"with landmarks", "without landmarks"}
    everything = results["judged"]["without landmarks"][0]["errors"]
    assert set(everything) == {"normal_deg", "uv_mm", "points_mm"}
    assert everything["normal_deg"]["people"] == 2
    assert results["laid_head"][0]["errors"]["normal_deg"]["mean"]["value"] < 8
    text = (tmp_path / "out" / "table.txt").read_text()
    assert text == "\n".join(done.lines()) + "\n"
    assert "correlation" in text
    assert all(path.is_file() for path in done.files)

    monkeypatch.setattr(true_heads, "register_people", lambda *_: pytest.fail("the heads lie in the folder"))
    pictures = RealPictures.of(load_flame(), root, "all", kept, first=2)
    assert [one.id for one in pictures] == ["ann/0_0", "bob/0_0"]
    again, path = pictures[0].truth, kept / "pictures" / "ann_0_0.safetensors"
    path.unlink()
    torch.testing.assert_close(vars(pictures[0].truth.mean), vars(again.mean))
    torch.testing.assert_close(pictures[0].truth.uv, again.uv)
    assert path.is_file()
    path.write_bytes(b"damaged")
    torch.testing.assert_close(pictures[0].truth.normal, again.normal)


@pytest.mark.parametrize("frame", ["camera", "crop", "head"])
def test_a_network_that_predicts_normals_alone_in_any_frame(frame: Frame) -> None:
    truth, camera = exact_truth(0), CAMERA
    picture = RealPicture("ann/0_0", np.zeros((SIDE, SIDE, 3), np.uint8), camera, truth.vertex_px, {}, truth)
    crop = Crop.around(torch.tensor([[10.0, 40.0], [200.0, 160.0]]), 128, 1.0)
    inputs = prior_input(picture.image, crop, None, None)
    away = {"camera": torch.eye(3), "crop": R_crop_camera(camera, crop).T, "head": truth.R_cam_head}[frame]
    there = torch.nn.functional.normalize(torch.tensor([0.3, -0.2, -0.9]), dim=0)
    output = (away.T @ there)[:, None, None].expand(3, 64, 64)
    one = PriorPrediction(PriorMaps(frame, output))
    found = predicted_maps(one, RealCrop(picture, crop, inputs, False), None)
    assert found.normal is not None
    torch.testing.assert_close(found.normal[:, 5, 9], there)
    torch.testing.assert_close(found.affine, crop.affine / 2)
    assert (found.uv, found.points_px, found.vertices) == (None, None, None)


def test_weights_of_another_head(tmp_path: Path) -> None:
    config = PriorEvaluateConfig(out=str(tmp_path), set="real_heads", path=str(tmp_path))
    prior = load_prior("default", CPU)
    object.__setattr__(prior, "head_id", "another")
    with pytest.raises(UserError, match="the weights speak of head another"):
        run_on_real_heads(prior, config, CPU)


@pytest.mark.parametrize(
    "options",
    [{"set": "real_heads"}, {"path": "heads"}, {"flame": "flame.pkl"}, {"truth": "kept"}, {"first": 0},
     {"set": "real_heads", "path": "heads", "photos": "photos"}],
)  # fmt: skip
def test_options_that_do_not_go_together(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"set=real_heads|at least 1"):
        PriorEvaluateConfig(out="out", **options)  # type: ignore[arg-type]
