"""From a benchmark's folder to what its server takes."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.config import EvaluateConfig
from shared.evaluate.faces import FaceMesh
from shared.evaluate.submit import submit
from shared.runs.errors import UserError
from tests.evaluate import plain_set

NAMES = ("017/EMO-1-shout+laugh_56_221501007", "372/FREE_786_222200038")


def picture(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True)
    Image.fromarray(np.full((64, 64, 3), value, np.uint8)).save(path)


def config(folder: Path, kind: str, method: str = "tests.evaluate.plain_set:of_red") -> EvaluateConfig:
    return replace(EvaluateConfig(method, str(folder / "in"), str(folder / "out")), submission=kind)  # type: ignore[arg-type]


def test_a_folder_of_nersemble_becomes_a_complete_zip(tmp_path: Path) -> None:
    picture(tmp_path / "in" / NAMES[0] / "rgb.png", 0)  # black: the method finds no face
    picture(tmp_path / "in" / NAMES[1] / "rgb.png", 90)
    lines = submit(config(tmp_path, "nersemble"))
    assert "2 pictures" in lines[0]
    assert lines[2].split() == ["017/EMO-1-shout+laugh_056_221501007:", "no", "face", "found"]
    with zipfile.ZipFile(tmp_path / "out" / "submission.zip") as archive:
        names = {Path(name).parent.as_posix() for name in archive.namelist()}
        assert names == {"017/EMO-1-shout+laugh_056_221501007", NAMES[1]}
        assert len(archive.namelist()) == 8


def test_a_folder_of_now_becomes_neutral_meshes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FaMoS_1/selfie/IMG_1.jpg", 90), ("FaMoS_2/selfie/IMG_2.jpg", 0)):
        picture(tmp_path / "in" / name, value)
    submit(config(tmp_path, "now"))
    written = sorted(path.relative_to(tmp_path / "out" / "now").as_posix() for path in tmp_path.glob("out/now/*/*/*"))
    assert written == [f"FaMoS_{k}/selfie/IMG_{k}.{end}" for k in (1, 2) for end in ("npy", "ply")]
    wanted = FaceMesh.of_head(plain_set.model().assets.v_template, plain_set.model().assets).landmarks_m
    assert np.allclose(np.load(tmp_path / "out/now/FaMoS_2/selfie/IMG_2.npy"), wanted)  # the mean head stands in
    posed_only = replace(
        plain_set.reconstruct(plain_set.Picture("", np.zeros((1, 1, 3), np.uint8), None)), neutral=None
    )
    monkeypatch.setattr(plain_set, "of_red", lambda: lambda picture: posed_only)
    with pytest.raises(UserError, match="judges neutral meshes"):
        submit(replace(config(tmp_path, "now"), out=str(tmp_path / "other")))


def test_what_cannot_be_submitted_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="folder of pictures"):
        submit(config(tmp_path, "nersemble"))
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match="no PARTICIPANT"):
        submit(config(tmp_path, "nersemble"))
    picture(tmp_path / "in" / NAMES[0] / "rgb.png", 0)
    with pytest.raises(UserError, match="nothing of any picture"):
        submit(config(tmp_path, "nersemble"))
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_meshes_of_no_use_are_replaced_and_damaged_pictures_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(NAMES, (60, 90), strict=True):
        picture(tmp_path / "in" / name / "rgb.png", value)

    def broken_on_dark(seen: plain_set.Picture) -> plain_set.Reconstruction:
        good = plain_set.reconstruct(plain_set.Picture("", np.zeros((1, 1, 3), np.uint8), None))
        factor = 1.0 if seen.image.max() > 70 else np.nan
        return replace(good, posed=replace(good.posed, verts_m=good.posed.verts_m * factor))

    monkeypatch.setattr(plain_set, "of_red", lambda: broken_on_dark)
    lines = submit(config(tmp_path, "nersemble"))
    assert "the mean head stands in for 1 of them" in lines[1]
    assert "056_221501007: InvalidFaceError: the posed mesh" in lines[2]
    (tmp_path / "in" / NAMES[0] / "rgb.png").write_text("no picture")
    with pytest.raises(UserError, match=r"rgb\.png.*not an image.*needs all pictures"):
        submit(config(tmp_path, "nersemble"))
    with pytest.raises(ValueError, match="leave out first="):
        replace(config(tmp_path, "nersemble"), first=3)
