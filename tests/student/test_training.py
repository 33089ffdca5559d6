"""A training run from the command line: it learns a batch by heart, and goes on to the bit where it was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from shared.config import SyntheticConfig
from shared.config.loading import load_config
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.records.tensor_files import read_tensors
from shared.runs.errors import UserError
from shared.runs.ranks import Ranks
from shared.synthetic.generate import generate
from shared.training.samples import collate
from student.config import StudentTrainConfig
from student.network.model import HeadLayout, StudentNetwork
from student.network.weights import SCHEMA, load_student
from student.training.build import build_samples
from student.training.losses import StudentLoss
from student.training.run import train_student
from tests.student.test_label_faces import label_run

ROOT = Path(__file__).parents[2]
SMALL = [
    *("network.backbone=mobilenetv4_conv_small_050", "network.pretrained=none", "network.size=96", "network.width=64"),
    *("network.dropout=0", "batch_size=8", "workers=0", "device=cpu", "validation=0", "precision=fp32"),
    *("picture_steps=1000", "validation_steps=1000", "warmup_steps=5", "data.held=0"),
]
STILL = [f"augment.{name}=0" for name in ("roll_deg", "log_scale", "shift", "mirror", "photometric", "cover",
                                          "landmark_noise")]  # fmt: skip


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("portraits") / "set"
    generate(SyntheticConfig(out=str(folder), count=8, size=128, seed=3, landmarks=True), quiet=True)
    return folder


def config(*words: str) -> StudentTrainConfig:
    return load_config(StudentTrainConfig, list(words))


@pytest.mark.slow
def test_a_batch_is_learned_by_heart(portraits: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = [*SMALL, *STILL, f"data.portraits=[{portraits}]", f"out={out}", "learning_rate=3e-3", "ema=0.9"]
    train_student(config(*words, "steps=120", "data.focal_jitter=0", "data.landmark_share=1"), Ranks())
    network = load_student(str(out)).network
    model = FlameModel(load_flame())
    options = config(*words, "data.focal_jitter=0", "data.landmark_share=1")
    source = build_samples(options, network, model).training
    sample = collate([source[index] for index in range(8)]).sample
    assert sample is not None
    loss = StudentLoss.of(options.loss, model, network.basis, network.anchor_m)
    with torch.inference_mode():
        _, terms = loss(network(sample.input), sample.target)
    assert float(terms["vertices"]) < 0.8, terms
    assert float(terms["landmarks"]) < 0.8, terms
    assert (out / "pictures" / "latest.jpg").is_file()
    header = read_tensors(out / "weights.safetensors", SCHEMA)[1]
    assert header["data"][0]["count"] == 8
    assert str(tmp_path) not in json.dumps(header), "weights are handed on: no path of this machine is in them"


@pytest.mark.slow
def test_a_killed_run_ends_at_the_same_weights(portraits: Path, tmp_path: Path) -> None:
    words = [*SMALL, f"data.portraits=[{portraits}]", f"data.labels=[{label_run(tmp_path / 'labels')}]"]
    words += ["steps=24", "save_steps=4", "batch_size=4"]

    def command(out: Path) -> list[str]:
        return [sys.executable, str(ROOT / "student" / "train.py"), *words, f"out={out}"]

    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(whole), check=True, capture_output=True, env=environment, cwd=ROOT)
    process = subprocess.Popen(
        command(broken), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=ROOT
    )
    checkpoint = broken / "checkpoints" / "last.safetensors"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert checkpoint.exists()
    assert not (broken / "weights.safetensors").exists(), "it was killed before its end"
    again = subprocess.run(command(broken), check=True, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert "goes on after step" in again.stdout
    (one, _), (other, _) = (read_tensors(run / "weights.safetensors", SCHEMA) for run in (whole, broken))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_landmarks_alone_are_learned_from_drawn_heads(tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ["network.backbone=none", "network.width=64", "data.drawn=48", "batch_size=16", "workers=0", "device=cpu"]
    words += ["validation=0", "steps=60", "warmup_steps=5", "learning_rate=3e-3", "ema=0.9", "data.held=12"]
    options = config(*words, f"out={out}")
    outcome = train_student(options, Ranks())
    model = FlameModel(load_flame())
    network = load_student(str(out)).network
    samples = build_samples(options, network, model)
    assert samples.held is not None
    assert outcome.validation["held_vertices"] < 6.0
    sample = collate([samples.training[index] for index in range(16)]).sample
    assert sample is not None
    assert bool(torch.isfinite(sample.input.blendshapes).all(1).any())
    loss = StudentLoss.of(options.loss, model, network.basis, network.anchor_m)
    rest = StudentNetwork(network.config, HeadLayout.of(model, network.config.tolerance_m), None).eval()
    with torch.inference_mode():
        (_, after), (_, before) = (loss(one(sample.input), sample.target) for one in (network, rest))
    assert float(after["vertices"]) < 0.8 * float(before["vertices"])


def test_drawn_heads_are_not_for_networks_that_see_pictures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no pictures"):
        train_student(config(*SMALL, "data.drawn=8", f"out={tmp_path / 'run'}"), Ranks())


@pytest.mark.gpu
def test_training_on_a_gpu(portraits: Path, tmp_path: Path) -> None:
    words = [*SMALL, f"data.portraits=[{portraits}]", f"out={tmp_path / 'run'}", "device=cuda", "steps=3"]
    assert train_student(config(*words), Ranks()).progress.skipped == 0


def test_nothing_to_train_on_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"give data\.labels=\[FOLDER\], data\.portraits=\[FOLDER\] or data"):
        train_student(config(*SMALL, f"out={tmp_path / 'run'}"), Ranks())
    with pytest.raises(UserError, match="no finished shards"):
        train_student(config(*SMALL, f"out={tmp_path / 'other'}", f"data.portraits=[{tmp_path}]"), Ranks())
