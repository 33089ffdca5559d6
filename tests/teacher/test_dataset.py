from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import teacher.dataset.run_folder
from shared.flame.model import FlameModel
from shared.flame.segmentation import FACE_PARTS
from shared.labels.shard import read_labels
from shared.runs.errors import UserError
from shared.runs.files import StorageError, exclusive
from shared.runs.ranks import Ranks
from teacher.config import FitDatasetConfig
from teacher.dataset.report import read_entries, render_html, summarise
from teacher.dataset.run import RunOutcome, run_dataset
from teacher.dataset.run_folder import open_run
from teacher.evidence.records import FaceEvidence, FitResult
from tests.teacher.fakes import FakeFitter, fake_tools, make_photos

SCRIPT = Path(__file__).with_name("fake_run.py")
COUNT = 10


@pytest.fixture(autouse=True)
def _fixed_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher.dataset.run_folder, "git_sha", lambda: "test")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    make_photos(tmp_path / "photos", COUNT)
    return tmp_path / "photos"


def config_of(photos: Path, out: Path, **changes: Any) -> FitDatasetConfig:
    config = FitDatasetConfig(inputs=str(photos), out=str(out), shard_size=3, batch_size=2, previews=False)
    return replace(config, **changes)


def run(config: FitDatasetConfig, **more: Any) -> RunOutcome:
    return run_dataset(config, **{"ranks": Ranks(), "tools": fake_tools(), "quiet": True} | more)


def snapshot(out: Path) -> dict[str, str]:
    """Hashes of everything that a label or its report is made of."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("labels", "reports", "previews")
        for path in sorted((out / folder).rglob("*"))
        if path.is_file()
    }


def events(out: Path, name: str) -> list[dict[str, Any]]:
    lines = (out / "run_log.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == name]


def entries_of(config: FitDatasetConfig) -> dict[str, dict[str, Any]]:
    folder = open_run(config)
    found = [entry for shard in range(folder.n_shards) for entry in json.loads(folder.report_path(shard).read_text())]
    return {entry["id"]: entry for entry in found}


def test_a_folder_becomes_labels_previews_and_report(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = run(config_of(photos, out, previews=True)).summary
    assert summary is not None
    assert (summary.inputs, summary.labelled, summary.rejected) == (COUNT, COUNT, 0)
    labels = read_labels(out)
    assert labels.ids == tuple(f"{k:04d}.jpg#0" for k in range(COUNT))
    assert labels.cameras.size.tolist() == [[120, 160]] * COUNT
    assert torch.allclose(labels.cameras.center_px, torch.tensor([80.0, 60.0]), atol=1e-3)
    assert labels.provenance["git_sha"] == "test"
    assert set(labels.focal_sources) == {"assumed"}
    assert labels.confidence.shape == (COUNT, len(FACE_PARTS))
    assert labels.verts_m is None
    assert len(list((out / "labels").iterdir())) == 4
    assert len(list((out / "previews").rglob("*.jpg"))) == COUNT
    assert {"manifest.json", "config.yaml", "run.json", "report.html", "report.json"} <= {p.name for p in out.iterdir()}
    assert not list(out.rglob("*.partial-*"))


def test_labels_depend_on_neither_threads_nor_processes_nor_place(photos: Path, tmp_path: Path) -> None:
    run(config_of(photos, tmp_path / "one"))
    moved = shutil.copytree(photos, tmp_path / "elsewhere")
    run(config_of(moved, tmp_path / "two", threads=3))
    run(config_of(photos, tmp_path / "three"), ranks=Ranks(0, 3))  # takes over what nobody else has begun
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two") == snapshot(tmp_path / "three")


@pytest.mark.slow
def test_helper_processes_share_the_work(photos: Path, tmp_path: Path) -> None:
    run(config_of(photos, tmp_path / "one", previews=True))
    out = tmp_path / "two"
    command = [sys.executable, SCRIPT, "seconds=0.2", f"inputs={photos}", f"out={out}"]
    subprocess.run([*command, "shard_size=3", "batch_size=2", "processes=2"], check=True, capture_output=True)
    assert snapshot(tmp_path / "one") == snapshot(out)
    assert sorted(event["shard"] for event in events(out, "shard started")) == [0, 1, 2, 3]
    assert (out / "report.html").is_file()


class FitterThatStops(FakeFitter):
    """Interrupted at a given batch."""

    left = 3

    def fit(self, evidence: FaceEvidence) -> FitResult:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().fit(evidence)


def test_interrupted_and_resumed(photos: Path, tmp_path: Path) -> None:
    run(config_of(photos, tmp_path / "whole"))
    config = config_of(photos, tmp_path / "out")
    tools = fake_tools()
    with pytest.raises(KeyboardInterrupt, match=r"1 of 4 shards are finished.*run the same command again"):
        run(config, tools=replace(tools, fitter=FitterThatStops(tools.model)))
    assert len(list((tmp_path / "out" / "labels").iterdir())) == 1
    assert run(config, ranks=Ranks(0, 5)).finished
    assert snapshot(tmp_path / "whole") == snapshot(tmp_path / "out")
    finished = [event["shard"] for event in events(tmp_path / "out", "shard finished")]
    assert sorted(finished) == [0, 1, 2, 3]
    fits = [one for event in events(tmp_path / "out", "fit") for one in event["ids"]]
    again = {one for one in fits if fits.count(one) > 1}
    assert again == {"0003.jpg#0", "0004.jpg#0", "0005.jpg#0"}  # only the shard that was open


def test_a_finished_run_is_left_alone(photos: Path, tmp_path: Path) -> None:
    config = config_of(photos, tmp_path / "out")
    run(config)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "labels").iterdir()}
    (tmp_path / "out" / "report.html").unlink()
    assert run(config).finished
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "labels").iterdir()}
    assert (tmp_path / "out" / "report.html").is_file()


def test_another_job_is_not_mixed_in(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(config_of(photos, out))
    with pytest.raises(UserError, match=r"batch_size was 2 and is 4(.|\n)*overwrite=true"):
        run(config_of(photos, out, batch_size=4))
    make_photos(photos / "more", 2)
    with pytest.raises(UserError, match=r"2 new, 0 gone, such as more/0000\.jpg"):
        run(config_of(photos, out))
    (out / "notes.txt").write_text("mine")
    summary = run(config_of(photos, out, overwrite=True)).summary
    assert summary is not None
    assert summary.labelled == COUNT + 2
    assert (out / "notes.txt").read_text() == "mine"


def test_overwrite_deletes_nothing_that_no_run_made(photos: Path, tmp_path: Path) -> None:
    precious = tmp_path / "out" / "labels" / "mine.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    run(config_of(photos, tmp_path / "out", overwrite=True))
    assert precious.read_text() == "mine"


def test_a_shard_in_other_hands_is_left_to_them(photos: Path, tmp_path: Path) -> None:
    config = config_of(photos, tmp_path / "out")
    run(config)
    folder = open_run(config)
    folder.label_path(1).unlink()
    with exclusive(folder.lock_path(1)) as ours:
        assert ours
        assert not run(config).finished
    assert not folder.label_path(1).exists()
    assert run(config).finished


def test_bad_inputs_are_reported_and_end_nothing(photos: Path, tmp_path: Path) -> None:
    (photos / "0003.jpg").write_bytes(b"")
    Image.new("RGB", (160, 120)).save(photos / "0005.jpg")  # black: no face
    writer = cv2.VideoWriter(str(photos / "clip.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (160, 120))
    for shade in (90, 0, 120):
        writer.write(np.full((120, 160, 3), shade, np.uint8))
    writer.release()
    config = config_of(photos, tmp_path / "out")
    summary = run(config).summary
    assert summary is not None
    assert (summary.unreadable, summary.no_face, summary.labelled) == (1, 2, COUNT - 2 + 2)
    entries = entries_of(config)
    assert entries["0003.jpg"]["reasons"][0]["reason"] == "empty file"
    assert entries["0005.jpg"]["state"] == "no face"
    assert entries["clip.mp4/000001"]["state"] == "no face"
    assert {"clip.mp4/000000#0", "clip.mp4/000002#0"} <= set(read_labels(tmp_path / "out").ids)


def test_meshes_are_stored_on_request(photos: Path, tmp_path: Path) -> None:
    run(config_of(photos, tmp_path / "out", vertices=True))
    labels, model = read_labels(tmp_path / "out"), fake_tools().model
    assert labels.verts_m is not None
    torch.testing.assert_close(labels.verts_m, model(labels.params).verts_m, rtol=0, atol=1e-6)


class SmallGpu(FakeFitter):
    """Has memory for two faces, or for none."""

    room = 2

    def fit(self, evidence: FaceEvidence) -> FitResult:
        if len(evidence.landmarks_px) > self.room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return super().fit(evidence)


def test_batches_too_large_for_the_gpu_are_halved(photos: Path, tmp_path: Path) -> None:
    run(config_of(photos, tmp_path / "whole", shard_size=COUNT))
    tools = fake_tools()
    small = SmallGpu(tools.model)
    run(config_of(photos, tmp_path / "out", shard_size=COUNT, batch_size=9), tools=replace(tools, fitter=small))
    got, want = (read_labels(tmp_path / name) for name in ("out", "whole"))
    assert got.ids == want.ids
    assert torch.equal(got.params.shape, want.params.shape)
    small.room = 0
    with pytest.raises(UserError, match="memory does not suffice for one face"):
        run(config_of(photos, tmp_path / "none"), tools=replace(tools, fitter=small))


def test_the_report_shows_how_far_vertices_lie_from_the_uv_map(photos: Path, tmp_path: Path) -> None:
    config = config_of(photos, tmp_path / "out")
    run(config)
    folder = open_run(config)
    entries = [
        entry | {"uv_distance": [0.0, 0.001 * number, 0.01]} for number, entry in enumerate(read_entries(folder))
    ]
    summary = summarise(folder, entries)
    assert summary.uv_distance == pytest.approx((0, 0.0045, 0.01))
    assert "half are nearer than 0.0045" in render_html(summary, entries, "title")
    assert any("0.0045 at 50%" in line for line in summary.lines())


class FragileFitter(FakeFitter):
    """Remembers where the crops lie, and breaks at one of them."""

    bad: float | None = None

    def __init__(self, model: FlameModel) -> None:
        super().__init__(model)
        self.seen: list[float] = []

    def fit(self, evidence: FaceEvidence) -> FitResult:
        centers = evidence.camera.center_px[:, 0].tolist()
        if self.bad in centers:
            raise RuntimeError("linalg: the matrix is not positive definite")
        self.seen += centers
        return super().fit(evidence)


def test_a_face_that_breaks_the_solver_breaks_no_other(photos: Path, tmp_path: Path) -> None:
    tools = fake_tools()
    fitter = FragileFitter(tools.model)
    run(config_of(photos, tmp_path / "whole"), tools=replace(tools, fitter=fitter))
    fitter.bad = fitter.seen[4]
    config = config_of(photos, tmp_path / "out")
    run(config, tools=replace(tools, fitter=fitter))
    assert len(read_labels(tmp_path / "out")) == COUNT - 1
    summary = summarise(open_run(config), [*entries_of(config).values()])
    assert summary.reasons == {"fit broke down": 1}
    entry = entries_of(config)["0004.jpg#0"]
    assert (entry["state"], entry["reasons"][0]["name"]) == ("rejected", "fit broke down")


def test_the_label_file_comes_last(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a shard that is there needs no other look."""
    config, seen = config_of(photos, tmp_path / "out", shard_size=COUNT, previews=True), []

    def stop(path: Path, *_: object) -> None:
        seen.append(path)
        raise KeyboardInterrupt

    monkeypatch.setattr("teacher.dataset.shard.write_shard", stop)
    with pytest.raises(KeyboardInterrupt):
        run(config)
    assert not seen[0].exists()
    assert len(list((tmp_path / "out" / "previews").rglob("*.jpg"))) == len(entries_of(config)) == COUNT


def test_useless_requests_say_what_to_do(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for changes, words in (
        ({"inputs": str(tmp_path / "nowhere")}, "no such photo"),
        ({"inputs": str(tmp_path / "empty")}, "no photos or clips"),
        ({"inputs": "0"}, "is a camera"),
        ({"out": str(photos / "labels")}, "lies inside inputs"),
    ):
        with pytest.raises(UserError, match=words):
            run(replace(config_of(photos, tmp_path / "out"), **changes))
    with pytest.raises(StorageError, match="is a file, not a folder"):
        run(config_of(photos, tmp_path / "file" / "out"))


def test_a_full_disk_is_an_error_with_advice(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    config = config_of(photos, tmp_path / "out")
    run(config)
    open_run(config).label_path(2).unlink()
    with monkeypatch.context() as patched:
        patched.setattr("shared.runs.files.os.fsync", full)
        with pytest.raises(StorageError, match="the disk is full; free some space"):
            run(config)
    assert run(config).finished


def test_a_face_counts_once_by_each_name(photos: Path, tmp_path: Path) -> None:
    config = config_of(photos, tmp_path / "out")
    run(config)
    twice = [{"name": "patch artefacts", "reason": word} for word in ("in UV", "in normals")]
    entries = [entry | {"state": "rejected", "reasons": twice} for entry in entries_of(config).values()]
    assert summarise(open_run(config), entries).reasons == {"patch artefacts": COUNT}


def test_the_report_cannot_be_broken_by_names(photos: Path, tmp_path: Path) -> None:
    name = "</script><b onclick='x()'>\"é&.jpg".replace("/", "∕")
    (photos / "0001.jpg").rename(photos / name)
    (photos / "<!--.jpg").write_bytes(b"")
    run(config_of(photos, tmp_path / "out"))
    page = (tmp_path / "out" / "report.html").read_text()
    data = page.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    assert "<" not in data
    assert f"{name}#0" in [entry["id"] for entry in json.loads(data)]
    assert "http" not in page
