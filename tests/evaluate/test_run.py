"""Whole evaluations: a method that is right, one that is not, and everything that may stop one."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.config import EvaluateConfig
from shared.evaluate import benchmark, run
from shared.evaluate.faces import NOW_MEDIAPIPE
from shared.evaluate.methods import find_method
from shared.evaluate.photo_judge import PhotoJudge
from shared.evaluate.protocol import Picture, Reconstruction
from shared.evaluate.report import write_report
from shared.evaluate.results import Results
from shared.evaluate.run import evaluate
from shared.evaluate.run_folder import RunFolder
from shared.evaluate.truth_set import INNER
from shared.images.source import find_photos
from shared.runs.errors import UserError
from shared.runs.files import exclusive
from tests.evaluate import plain_set
from tests.teacher.fakes import FakeDetector, make_photos

PLAIN = "tests.evaluate.plain_set:"


def config(out: Path, method: str = "perfect", **changes) -> EvaluateConfig:
    return replace(EvaluateConfig(PLAIN + method, PLAIN + "plain", str(out)), **changes)


def finished(config: EvaluateConfig) -> Results:
    results = evaluate(config, quiet=True)
    assert results is not None
    return results


def test_the_truth_has_no_error_wherever_it_is(tmp_path: Path) -> None:
    results = finished(config(tmp_path / "run"))
    assert [row.state for row in results.rows] == ["scored"] * 3
    for task in ("posed", "neutral"):
        for alignment in ("by_landmarks", "scaled", "by_icp"):
            mean = results.groups[0].tasks[task][alignment].mean
            assert mean["l2_mm"] < 2e-3  # vertices are float32 some metres from the origin
            assert mean["normal_cosine"] > 0.999
    assert results.groups[0].landmark_error is not None
    assert results.groups[0].landmark_error.mean < 1e-6
    assert [group.label for group in results.groups if group.dimension.startswith("yaw")] == [
        "0 to 20", "20 to 40", "40 to 60",
    ]  # fmt: skip
    written = json.loads((tmp_path / "run" / "results.json").read_text())
    assert written["set"] == "plain-3"
    assert written["head_id"] == plain_set.model().assets.head_id
    assert written["set_checksum"] == results.set_checksum
    assert len(written["pictures"]) == 3
    for name in ("heat_maps/posed.png", "heat_maps/neutral.png", "report.html", "previews/000002.jpg"):
        assert (tmp_path / "run" / name).stat().st_size > 500, name


def test_what_a_method_does_never_ends_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = plain_set.plain(5)

    def five() -> plain_set.TruthSet:
        def item(index: int):
            if index == 4:
                raise ZeroDivisionError("the studio broke")
            return plain_set.item(index)

        return replace(whole, item=item)

    monkeypatch.setattr(plain_set, "plain", five)
    results = finished(config(tmp_path / "run", "moody"))
    assert [row.state for row in results.rows] == ["scored", "no face", "failed", "failed", "failed"]
    reasons = [row.reason for row in results.rows]
    assert reasons[:3] == ["", "", "RuntimeError: out of luck"]
    assert "the posed mesh" in reasons[3]
    assert "not finite" in reasons[3]
    assert "the studio broke" in reasons[4]
    assert (results.groups[0].count, results.groups[0].failed) == (5, 4)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "out of luck" in page
    assert "no face found" in page
    assert any("out of luck" in line for line in results.lines())


@pytest.mark.slow
def test_a_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def interrupted(picture: Picture) -> Reconstruction:
        seen.append(picture.id)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return plain_set.reconstruct(picture)

    monkeypatch.setattr(plain_set, "perfect", lambda: interrupted)
    with pytest.raises(KeyboardInterrupt, match="1 of 3 pictures are done"):
        evaluate(config(tmp_path / "run"), quiet=True)
    again = finished(config(tmp_path / "run"))
    assert seen == ["0/x", "1/x", "1/x", "2/x"]
    whole = finished(config(tmp_path / "whole"))
    assert [row.scores for row in again.rows] == [row.scores for row in whole.rows]
    seen.clear()
    finished(config(tmp_path / "run"))
    assert not seen


def test_the_camera_is_given_only_where_it_may_be_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cameras = []

    def watching(picture: Picture) -> None:
        cameras.append(picture.camera)

    monkeypatch.setattr(plain_set, "perfect", lambda: watching)
    finished(config(tmp_path / "known", first=1))
    finished(config(tmp_path / "guessed", first=1, focal="guessed"))
    assert float(cameras[0].focal_px[0]) == 160.0
    assert cameras[1] is None


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "run"
    finished(config(out, first=1))
    with pytest.raises(UserError, match=r"method was .*perfect and is .*moody"):
        evaluate(config(out, "moody", first=1), quiet=True)
    with pytest.raises(UserError, match="focal was known and is guessed"):
        evaluate(config(out, first=1, focal="guessed"), quiet=True)
    (out / "mine.txt").write_text("mine")
    results = finished(config(out, "moody", first=2, overwrite=True))
    assert [row.state for row in results.rows] == ["scored", "no face"]
    assert (out / "mine.txt").exists()
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "results.json").write_text("{}")
    with pytest.raises(UserError, match="holds no run of this command"):
        evaluate(config(tmp_path / "strange", overwrite=True), quiet=True)
    assert (tmp_path / "strange" / "results.json").read_text() == "{}"


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with exclusive(RunFolder(tmp_path).lock_path(0)), pytest.raises(UserError, match="another run works"):
        run._work(run.find_job(config(tmp_path)), RunFolder(tmp_path), run.Ranks(), quiet=True)


def test_processes_share_the_pictures_and_the_last_one_tells(tmp_path: Path) -> None:
    job = run.find_job(config(tmp_path))
    run._prepare(config(tmp_path), job)
    run._work(job, RunFolder(tmp_path), run.Ranks(1, 2), quiet=True)
    assert list(RunFolder(tmp_path).rows()) == ["1/x"]
    alone = run.Ranks(0, 2, launched=True)
    results = evaluate(config(tmp_path), alone, quiet=True)
    assert results is not None
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 3


@pytest.mark.slow
def test_helper_processes_do_no_picture_twice(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "shared.evaluate", f"method={PLAIN}perfect", f"set={PLAIN}plain"]
    done = subprocess.run([*command, f"out={tmp_path}", "processes=2"], check=True, capture_output=True, text=True)
    assert "all                3      0" in done.stdout
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mean_hed", "did you mean mean_head"),
        ("no.such.module:x", "there is no module no"),
        ("shared.evaluate.nothing:x", "there is no module shared.evaluate.nothing"),
        ("shared.evaluate.methods:nothing", "has no function nothing"),
        ("shared.evaluate.methods", "package.module:factory"),
    ],
)
def test_a_method_that_is_not_there_is_named(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_method(name)


def test_a_module_that_misses_one_of_its_own_is_a_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outside_method.py").write_text("import no_such_network")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_network"):
        find_method("outside_method:x")


def test_what_a_factory_must_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must take no arguments"):
        find_method(PLAIN + "reconstruct")  # the method itself, not what makes it
    with pytest.raises(UserError, match="must return a function of a Picture, not a TruthSet"):
        find_method(PLAIN + "plain")()
    with pytest.raises(UserError, match="must return a TruthSet, not a function"):
        run.find_job(config(tmp_path, set=PLAIN + "perfect"))


def test_a_factory_is_given_only_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_method("mean_head")()(Picture("", np.zeros((1, 1, 3), np.uint8), None))
    assert found is not None
    assert found.posed.ibug68_m is not None
    with pytest.raises(UserError, match="flame= is not for method=student"):
        find_method("student", flame="other")
    with pytest.raises(UserError, match="method_options= is not for method=mean_head"):
        find_method("mean_head", options=("fit.landmark_noise=0.1",))
    given = {}

    def mine(flame: str, options: tuple[str, ...]):
        given.update(flame=flame, options=options)
        return plain_set.reconstruct

    monkeypatch.setattr(plain_set, "perfect", lambda flame="", options=(): mine(flame, options))
    find_method(PLAIN + "perfect", "some_head", ("a=1",))()
    assert given == {"flame": "some_head", "options": ("a=1",)}


def test_meshes_in_millimetres_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_millimetres(picture: Picture) -> Reconstruction:
        posed = plain_set.reconstruct(picture).posed
        return Reconstruction(replace(posed, verts_m=1e3 * posed.verts_m, landmarks_m=1e3 * posed.landmarks_m))

    hint = "not in metres"
    assert not any(hint in line for line in finished(config(tmp_path / "metres", first=1)).lines())
    monkeypatch.setattr(plain_set, "perfect", lambda: in_millimetres)
    assert any(hint in line for line in finished(config(tmp_path / "millimetres", first=1)).lines())


def test_a_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        evaluate(config(tmp_path, set=str(tmp_path / "none")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no photos"):
        evaluate(config(tmp_path, set=str(tmp_path / "empty")))


def test_the_benchmark_is_forty_people_in_ten_pictures() -> None:
    plan = benchmark.benchmark_of(lambda index: pytest.fail("drawn before it is asked for"), plain_set.model())
    assert len(set(plan.ids)) == 400
    assert plan.ids[0] == "00-0-neutral"
    assert plan.ids[-1] == "39-9-occluded"
    kinds = [benchmark.person_and_kind(index) for index in range(400)]
    assert {kinds.count((person, "neutral")) for person in range(40)} == {3}
    assert {kinds.count((person, "posed")) for person in range(40)} == {3}
    assert {kinds.count((7, "profile")), kinds.count((7, "occluded"))} == {2}


@pytest.mark.slow
def test_a_picture_of_the_benchmark_is_as_planned() -> None:
    pictures = benchmark.synthetic()
    item = pictures.item(13)
    assert item.image.shape == (512, 512, 3)
    assert (item.facts["person"], item.facts["kind"], item.facts["seed"]) == (1, "posed", benchmark.SEED)
    truth, now = item.truth, [INNER.index(row) for row in NOW_MEDIAPIPE]
    assert truth.landmarks is not None
    assert item.camera is not None
    found = item.camera.project(truth.posed.landmarks_m)
    assert (found - truth.landmarks.points_px[now]).norm(dim=1).max() < 0.06 * truth.landmarks.eye_distance_px


def judged_photos(tmp_path: Path, found_px) -> list:
    """Rows of three photos: one with a face, one black, one broken."""
    names = make_photos(tmp_path / "photos", 2)
    from PIL import Image

    Image.new("RGB", (160, 120)).save(tmp_path / "photos" / names[1])
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no picture")
    mesh = plain_set.reconstruct(Picture("", np.zeros((1, 1, 3), np.uint8), None))
    judge = PhotoJudge(
        lambda picture: replace(mesh, landmarks_px=found_px(picture)),
        find_photos("set", tmp_path / "photos"), FakeDetector(), True, RunFolder(tmp_path / "run"),
    )  # fmt: skip
    return [judge(index) for index in range(3)]


def test_photos_are_compared_with_the_detector(tmp_path: Path) -> None:
    def shifted(picture: Picture) -> torch.Tensor:
        faces = FakeDetector().detect(picture.image)
        points = faces[0].landmarks_px if faces else np.zeros((478, 2))
        return torch.as_tensor(points) + torch.tensor([0.3, 0.4])

    good, black, broken = judged_photos(tmp_path, shifted)
    eyes_px = 0.2 * 160  # of the fake face
    assert good.landmark_error == pytest.approx(100 * 0.5 / eyes_px, rel=1e-3)
    assert (black.landmark_error, black.reason) == (None, "MediaPipe finds no face to compare with")
    assert broken.state == "failed"
    assert broken.reason.startswith("unreadable")
    nonsense = judged_photos(tmp_path / "again", lambda picture: torch.full((478, 2), torch.nan))
    assert nonsense[0].state == "failed"
    assert "finite" in nonsense[0].reason


def test_a_page_shows_names_and_runs_none_of_them(tmp_path: Path) -> None:
    results = finished(config(tmp_path, first=1))
    evil = [replace(row, id="<script>alert(1)</script>", reason="<b>") for row in results.rows]
    write_report(RunFolder(tmp_path), replace(results, title="<i>", rows=evil), plain_set.plain())
    page = (tmp_path / "report.html").read_text()
    assert "<script" not in page
    assert "<i>" not in page
    assert "&lt;script&gt;" in page
    for source in ("heat_maps/posed.png", "previews/000000.jpg"):
        assert f'src="{source}"' in page
