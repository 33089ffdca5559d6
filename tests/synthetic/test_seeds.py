"""The same number gives the same portrait: in any order, in any process, with any number of them, on another day.

``python -m tests.synthetic.test_seeds`` renews the record of the last of these, after a change that is meant.
"""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader

from shared.config import SyntheticConfig
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.runs.errors import UserError
from shared.runs.ranks import Ranks
from shared.synthetic.generate import build_studio, generate
from shared.synthetic.rendered import RenderedPortraits
from shared.synthetic.scene.portrait import Portrait
from shared.synthetic.studio import Order, PortraitStudio

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "tests" / "golden" / "portraits.json"
RECORDED = ((0, 0), (0, 5), (7, 123))  # seed and index


def checksum(portrait: Portrait) -> str:
    """Of the picture and every map."""
    truth = portrait.truth
    parts = (portrait.image, *(one.numpy() for one in (truth.normal, truth.uv, truth.depth_m, truth.part)))
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def summary(portrait: Portrait) -> dict[str, object]:
    """What another processor, whose last bits differ, must also give."""
    small = cv2.resize(portrait.image, (16, 16), interpolation=cv2.INTER_AREA)
    facts = asdict(portrait.facts) | {"occluders": list(portrait.facts.occluders)}
    return {"facts": facts, "picture": small.reshape(-1).tolist()}


def test_as_recorded(studio: PortraitStudio) -> None:
    for (seed, index), recorded in zip(RECORDED, json.loads(RECORD.read_text()), strict=True):
        now = summary(studio.portrait(Order.draw(seed, index)))
        for name, value in recorded["facts"].items():
            got = now["facts"][name]  # type: ignore[index]
            assert got == (pytest.approx(value, abs=0.02) if isinstance(value, float) else value), name
        gap = np.abs(np.array(now["picture"]) - np.array(recorded["picture"]))
        assert gap.mean() < 0.5
        assert gap.max() < 12


def test_order_and_studio_make_no_difference(studio: PortraitStudio) -> None:
    orders = [Order.draw(21, index) for index in range(4)]
    forward = [checksum(studio.portrait(order)) for order in orders]
    other = PortraitStudio(studio.model, studio.size)
    assert [checksum(other.portrait(order)) for order in orders[::-1]][::-1] == forward
    assert len(set(forward)) == len(forward)
    assert checksum(studio.portrait(Order.draw(22, 0))) not in forward


@pytest.mark.gpu
def test_cuda_gives_nearly_the_same(studio: PortraitStudio) -> None:
    cuda = PortraitStudio(FlameModel(load_flame()).to("cuda"), studio.size)
    for order in (Order(21, 0, 0, "neutral"), Order(21, 1, 1, "occluded")):
        want, got = studio.portrait(order), cuda.portrait(order)
        assert got.truth.depth_m.device.type == "cpu"
        assert np.abs(want.image.astype(float) - got.image).mean() < 2
        assert float((want.truth.part == got.truth.part).float().mean()) > 0.98
        assert got.facts.occluders == want.facts.occluders


def config(out: Path, **options: object) -> SyntheticConfig:
    return SyntheticConfig(out=str(out), size=64, seed=4, shard_size=3, device="cpu", **options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_loader_workers_make_the_same() -> None:
    make = partial(build_studio, config(Path("-")))
    portraits = RenderedPortraits(make, seed=4, count=3)
    loaded = DataLoader(portraits, batch_size=None, num_workers=2, multiprocessing_context="spawn")
    assert [checksum(one) for one in loaded] == [checksum(portraits[index]) for index in range(3)]
    with pytest.raises(IndexError):
        portraits[3]


def files(out: Path) -> dict[str, bytes]:
    """What a run leaves under shards/."""
    return {str(path.relative_to(out)): path.read_bytes() for path in (out / "shards").rglob("*") if path.is_file()}


def command(out: Path, processes: int) -> list[str]:
    words = f"size=64 seed=4 shard_size=3 device=cpu count=11 landmarks=true out={out} processes={processes}"
    return [sys.executable, "-m", "shared.synthetic", *words.split()]


@pytest.mark.slow
def test_killed_and_resumed_with_other_processes(tmp_path: Path) -> None:
    undisturbed, resumed = tmp_path / "undisturbed", tmp_path / "resumed"
    done = subprocess.run(command(undisturbed, 1), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "11 portraits" in done.stdout
    assert all((undisturbed / name).is_file() for name in ("contact_sheet.jpg", "truth_sheet.jpg", "manifest.json"))
    started = subprocess.Popen(command(resumed, 1), cwd=ROOT, stderr=subprocess.DEVNULL)
    first = resumed / "shards" / "00000.safetensors"
    deadline = time.monotonic() + 120
    while not first.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    started.send_signal(signal.SIGKILL)
    started.wait()
    kept = first.stat().st_mtime_ns
    assert len(list((resumed / "shards").glob("*.safetensors"))) < 4
    done = subprocess.run(command(resumed, 2), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "shards are finished already" in done.stderr
    assert first.stat().st_mtime_ns == kept
    want, got = files(undisturbed), files(resumed)
    assert len(want) == 11 * 4 + 4
    assert want.keys() == got.keys()
    assert [name for name in want if want[name] != got[name]] == []


@pytest.mark.slow
def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    assert generate(config(tmp_path / "run", count=1), Ranks(), quiet=True)
    with pytest.raises(UserError, match=r"holds another run:\n  - count was 1 and is 2"):
        generate(config(tmp_path / "run", count=2), Ranks(), quiet=True)
    assert generate(config(tmp_path / "run", count=2, overwrite=True), Ranks(), quiet=True)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty and holds no run"):
        generate(config(tmp_path / "notes", count=1, overwrite=True), Ranks(), quiet=True)
    labels = tmp_path / "labels"
    (labels / "shards").mkdir(parents=True)
    for manifest in ('{"schema": "pixel3dmm-distill/labels/1"}', "[]", "{"):
        (labels / "manifest.json").write_text(manifest)
        with pytest.raises(UserError, match="choose another out="):
            generate(config(labels, count=1, overwrite=True), Ranks(), quiet=True)
        assert (labels / "shards").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("option", ["makehuman_assets", "backgrounds"])
def test_a_folder_without_anything_of_use_is_named(tmp_path: Path, option: str) -> None:
    for folder, word in ((tmp_path, str(tmp_path)), (tmp_path / "gone", "gone")):
        with pytest.raises(UserError, match=word):
            build_studio(config(tmp_path, **{option: str(folder)}))


if __name__ == "__main__":
    made = build_studio(SyntheticConfig(out="-", device="cpu"))
    record = [summary(made.portrait(Order.draw(seed, index))) for seed, index in RECORDED]
    RECORD.write_text(json.dumps(record, indent=None) + "\n")
