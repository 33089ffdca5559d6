"""ICT-FaceKit's model: read from its repository's files, and rendered as people whose truth is exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.config import RenderIctConfig
from shared.evaluate.ict import checkout, people, render, shot, skin
from shared.evaluate.ict.expressions import NAMED, draw_mix, draw_named
from shared.evaluate.ict.read import read_ict
from shared.evaluate.ict.skin import skin_samples, triangles_of
from shared.evaluate.real_heads import people_of, real_heads
from shared.geometry.closest import closest_points
from shared.runs.errors import UserError
from tests.evaluate import small_ict


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checkout, "PART_QUADS", small_ict.model().part_quads)
    small_ict.write_checkout(tmp_path / "ict")
    return tmp_path / "ict"


def test_a_checkout_is_read_back(folder: Path) -> None:
    wanted, found = small_ict.model(), read_ict(folder)
    assert np.allclose(found.neutral_mm, wanted.neutral_mm, atol=1e-4)
    assert np.allclose(found.identity_mm, wanted.identity_mm, atol=1e-4)
    assert np.allclose(found.expression_mm, wanted.expression_mm, atol=1e-4)
    assert found.expression_names == wanted.expression_names
    assert np.array_equal(found.quads, wanted.quads)
    assert np.array_equal(found.ibug68, wanted.ibug68)


def test_a_packed_file_is_the_same_record(tmp_path: Path) -> None:
    whole = small_ict.model()
    np.savez(
        tmp_path / "packed.npz", neutral_mm=whole.neutral_mm, identity_mm=whole.identity_mm.astype(np.float16),
        expression_mm=whole.expression_mm.astype(np.float16), expression_names=np.array(whole.expression_names),
        quads=whole.quads.astype(np.int32), ibug68=whole.ibug68, part_names=np.array(list(whole.part_quads)),
        part_quads=np.array(list(whole.part_quads.values())),
    )  # fmt: skip
    found = read_ict(tmp_path / "packed.npz")
    assert np.allclose(found.identity_mm, whole.identity_mm, atol=2e-2)
    assert dict(found.part_quads) == dict(whole.part_quads)


def test_what_is_not_whole_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "FaceXModel" / "mouthSmile_L.obj").write_text("v 1 2 3\n")
    with pytest.raises(UserError, match=r"mouthSmile_L\.obj has 1 vertices"):
        read_ict(folder)
    (folder / "FaceXModel" / "jawOpen.obj").unlink()
    with pytest.raises(UserError, match=r"jawOpen\.obj cannot be read .* whole checkout"):
        read_ict(folder)
    (folder / "FaceXModel" / "generic_neutral_mesh.obj").write_text("v 1 2 3\nv 1 2 4\nv 0 0 0\nf 1 2 3\n")
    with pytest.raises(UserError, match="has 1 polygons"):
        read_ict(folder)
    with pytest.raises(UserError, match=r"none\.npz cannot be read"):
        read_ict(tmp_path / "none.npz")


def test_skin_is_what_shows_of_the_face(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_ict.model()
    monkeypatch.setattr(skin, "NARROW_FACE", model.part_quads["face"])
    points, normals = skin_samples(model).of(model.neutral_mm)
    face = model.triangles(*model.part_quads["face"])
    assert closest_points(points, model.neutral_mm, face).distance.max() < 1e-3
    eyes = model.neutral_mm[np.unique(model.triangles(*model.part_quads["scleraL"]))]
    assert np.linalg.norm(points[:, None] - eyes[::20], axis=2).min() > 1  # the lids' outside, not the socket
    assert (normals[:, 2] > 0).mean() > 0.9


def test_expressions_are_of_the_units_that_are_there() -> None:
    units, rng = ("jawOpen", "mouthSmile_L", "mouthSmile_R", "eyeBlink_L", "eyeBlink_R"), np.random.default_rng(0)
    smile = draw_named(rng, "smile", units)
    assert set(smile) == {"mouthSmile_L", "mouthSmile_R"}
    assert 0.6 < smile["mouthSmile_L"] < 0.9
    assert all(draw_named(rng, name, units) is not None for name in NAMED)
    mixes = [draw_mix(rng, (*units, "browDown_L", "browDown_R", "noseSneer_L", "noseSneer_R")) for _ in range(50)]
    assert not any(unit.startswith("eyeBlink") for mix in mixes for unit in mix)
    assert any(("browDown_L" in mix) != ("browDown_R" in mix) for mix in mixes)  # one-sided now and then


@pytest.fixture
def one_view(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (shot, people):
        monkeypatch.setattr(module, "VIEWS_DEG", (-8.0,))
    monkeypatch.setattr(people, "draw_named", lambda rng, name, units: {"jawOpen": 2.0})
    monkeypatch.setattr(people, "draw_mix", lambda rng, units: {"mouthSmile_L": 2.0})


def test_rendered_people_are_as_their_truth_says(tmp_path: Path, folder: Path, one_view: None) -> None:
    config = RenderIctConfig(str(folder), str(tmp_path / "heads"), people=2, judge=1, seed=3)
    render.render_ict(config, quiet=True)
    root = tmp_path / "heads"
    assert (people_of(root, "calibrate"), people_of(root, "judge")) == (["person_0000"], ["person_0001"])
    pictures = real_heads(root, "all")
    assert pictures.ids == tuple(f"person_000{person}/{state}_0" for person in range(2) for state in range(4))
    model, item = small_ict.model(), pictures.item(1)
    assert item.camera is not None
    assert item.truth.neutral is not None
    with np.load(root / "people" / "person_0000" / "truth.npz") as truth:
        verts = model.identity(truth["identity"]) + model.expression({"jawOpen": 2.0})
        verts_m = torch.from_numpy(verts / 1e3 - truth["1/origin_m"]).float()
        assert np.allclose(truth["0/origin_m"], truth["1/origin_m"])
    posed = item.truth.posed
    off = closest_points(posed.points_m.double().numpy(), verts_m.double().numpy(), triangles_of(model).numpy())
    assert off.distance.max() < 1e-5
    places = item.camera.project(posed.points_m).numpy()
    assert ((places > 0) & (places < 512)).all()
    motion = (posed.ibug68_m - item.truth.neutral.ibug68_m).norm(dim=1)  # type: ignore[operator]
    assert motion.max() > 2e-3
    people.PeopleWriter(model, tmp_path / "again", 3).write(1)
    for name in ("2_0.webp", "pictures.json"):
        first, second = (place / "people" / "person_0001" / name for place in (root, tmp_path / "again"))
        assert first.read_bytes() == second.read_bytes()  # whoever was drawn before


def test_a_stopped_set_goes_on(tmp_path: Path, folder: Path, one_view: None, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    monkeypatch.setattr(people.PeopleWriter, "write", lambda self, number: written.append(number))
    config = RenderIctConfig(str(folder), str(tmp_path / "heads"), people=3, judge=1)
    done = tmp_path / "heads" / "people" / "person_0001" / "pictures.json"
    render.render_ict(config, quiet=True)
    done.parent.mkdir(parents=True)
    done.write_text("[]")
    written.clear()
    render.render_ict(config, quiet=True)
    assert written == [0, 2]
    with pytest.raises(UserError, match="seed was 0 and is 1"):
        render.render_ict(replace(config, seed=1), quiet=True)
