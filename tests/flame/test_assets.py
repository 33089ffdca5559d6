"""FLAME files as users have them: names, folders, variants, side files, damage, and the cache."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from shared.flame import cache
from shared.flame.assets import load_flame
from shared.flame.errors import FlameFileError
from shared.flame.schema import FlameAssets
from tests.flame.conftest import N_HALF, write_pickle

DENSE_KEYS = ("v_template", "shapedirs", "posedirs", "weights", "kintree_table", "f")


def _dense(arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    return {key: arrays[key] for key in DENSE_KEYS} | {"J_regressor": arrays["J_regressor"].toarray()}


def _same(first: FlameAssets, second: FlameAssets) -> None:
    for name in ("v_template", "shapedirs", "expressiondirs", "posedirs", "joint_regressor", "lbs_weights", "faces"):
        torch.testing.assert_close(getattr(first, name), getattr(second, name), atol=0, rtol=0)
    assert first.head_id == second.head_id


def test_pickle(arrays: dict[str, Any], model_file: Path) -> None:
    head = load_flame(model_file)
    assert (head.name, head.n_vertices, head.n_shape, head.n_expression) == ("flame2020", 2 * N_HALF, 300, 100)
    np.testing.assert_array_equal(head.v_template, arrays["v_template"].astype(np.float32))
    np.testing.assert_array_equal(head.expressiondirs, arrays["shapedirs"][..., 300:].astype(np.float32))
    np.testing.assert_array_equal(head.joint_regressor, arrays["J_regressor"].toarray().astype(np.float32))
    np.testing.assert_array_equal(head.faces, arrays["f"].astype(np.int64))
    assert head.faces.dtype == torch.int64
    assert len(head.head_id) == 16


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_every_container_gives_the_same_head(
    tmp_path: Path, arrays: dict[str, Any], model_file: Path, protocol: int
) -> None:
    reference = load_flame(model_file)
    _same(load_flame(write_pickle(tmp_path / "again.pkl", arrays, protocol)), reference)
    np.savez(tmp_path / "model.npz", **arrays)  # the sparse matrix becomes a pickled member
    _same(load_flame(tmp_path / "model.npz"), reference)
    save_file({key: np.ascontiguousarray(array) for key, array in _dense(arrays).items()}, tmp_path / "m.safetensors")
    _same(load_flame(tmp_path / "m.safetensors"), reference)


@pytest.mark.parametrize(
    ("columns", "n_shape", "want"),
    [(400, None, (300, 100)), (150, None, (150, 0)), (150, 100, (100, 50)), (350, None, (300, 50))],
)
def test_split_of_the_columns(
    tmp_path: Path, arrays: dict[str, Any], columns: int, n_shape: int | None, want: tuple[int, int]
) -> None:
    arrays["shapedirs"] = arrays["shapedirs"][..., :columns]
    head = load_flame(write_pickle(tmp_path / "flame2023_Open.pkl", arrays), n_shape=n_shape)
    assert (head.n_shape, head.n_expression) == want
    assert head.name == "flame2023-open"
    joined = torch.cat([head.shapedirs, head.expressiondirs], 2)
    np.testing.assert_array_equal(joined, arrays["shapedirs"].astype(np.float32))


def test_n_shape_out_of_range(model_file: Path) -> None:
    with pytest.raises(FlameFileError, match=r"n_shape=401.*400 columns"):
        load_flame(model_file, n_shape=401)


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["generic_model.pkl", "female_model.pkl", "male_model.pkl"], "flame2020"),
        (["FLAME2020/female_model.pkl"], "flame2020-female"),
        (["FLAME2023/flame2023.pkl", "FLAME2023/flame2023_no_jaw.pkl"], "flame2023"),
        (["assets/flame/flame2023_no_jaw.pkl"], "flame2023-no-jaw"),
        (["FLAME_NEUTRAL.pkl", "FLAME_FEMALE.pkl"], "flame"),
    ],
)
def test_folders(tmp_path: Path, arrays: dict[str, Any], files: list[str], name: str) -> None:
    for file in files:
        write_pickle(tmp_path / "models" / file, arrays)
    (tmp_path / "models" / "unrelated.pkl").write_bytes(b"cos\nsystem\n.")
    assert load_flame(tmp_path / "models").name == name


def test_a_folder_with_two_releases_must_be_told(tmp_path: Path, arrays: dict[str, Any], model_file: Path) -> None:
    write_pickle(tmp_path / "FLAME2023" / "flame2023.pkl", arrays)
    with pytest.raises(FlameFileError, match=r"different releases: .*generic_model.pkl, .*flame2023.pkl"):
        load_flame(tmp_path)


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(FlameFileError, match=r"no FLAME model in this folder\n.*generic_model.pkl"):
        load_flame(tmp_path)
    with pytest.raises(FlameFileError, match="does not exist"):
        load_flame(tmp_path / "nowhere.pkl")
    (tmp_path / "head.obj").write_text("v 0 0 0")
    with pytest.raises(FlameFileError, match=r"a model file ends in \.pkl"):
        load_flame(tmp_path / "head.obj")


def test_missing_side_files_say_what_to_put_where(model_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "shared.flame"):
        head = load_flame(model_file)
    assert head.regions == {}
    assert head.landmarks == {}
    assert head.uv.shape == (0, 2)
    assert not head.eyelid_dirs.any()
    for name in (
        "FLAME_masks.pkl",
        "landmark_embedding.npy",
        "mediapipe_landmark_embedding.npz",
        "l_eyelid.npy",
        "obj",
    ):
        assert any(name in message and str(model_file.parent) in message for message in caplog.messages), name


@pytest.fixture
def full_folder(tmp_path: Path, arrays: dict[str, Any], model_file: Path) -> Path:
    """A model with every side file, some beside it and some a folder above."""
    rng = np.random.default_rng(3)
    folder, n_faces = model_file.parent, len(arrays["f"])
    masks = {"face": np.arange(50), "left_eyeball": np.array([1, 2]), "right_eyeball": [N_HALF + 1], "scalp": [7]}
    write_pickle(tmp_path / "FLAME_masks.pkl", masks)
    barycentric = rng.dirichlet(np.ones(3), 200)
    landmarks = {
        "static_lmk_faces_idx": np.arange(51),
        "static_lmk_bary_coords": barycentric[:51],
        "dynamic_lmk_faces_idx": [np.full(17, row + 100) for row in range(79)],
        "dynamic_lmk_bary_coords": np.tile(barycentric[60:77], (79, 1, 1)),
    }
    np.save(folder / "landmark_embedding.npy", landmarks, allow_pickle=True)  # type: ignore[arg-type]
    np.savez(
        folder / "mediapipe_landmark_embedding.npz",
        lmk_face_idx=rng.integers(0, n_faces, 105),
        lmk_b_coords=barycentric[:105],
        landmark_indices=np.arange(0, 210, 2),
    )
    lid = np.zeros((2 * N_HALF, 3))
    lid[3, 1] = -0.01
    np.save(folder / "l_eyelid.npy", lid[None])
    np.save(folder / "r_eyelid.npy", lid[(np.arange(2 * N_HALF) + N_HALF) % (2 * N_HALF)])
    uv = rng.random((len(arrays["f"]) * 3, 2))
    lines = [f"v {x} {y} {z}" for x, y, z in arrays["v_template"]] + [f"vt {u} {v}" for u, v in uv]
    for index in reversed(range(n_faces)):  # another order of triangles and of corners
        corners = [(vertex + 1, 3 * index + corner + 1) for corner, vertex in enumerate(arrays["f"][index])]
        lines.append("f " + " ".join(f"{vertex}/{row}" for vertex, row in corners[1:] + corners[:1]))
    (folder / "head_template.obj").write_text("\n".join(lines))
    np.save(tmp_path / "uv.npy", uv)
    return tmp_path


@pytest.mark.parametrize("as_folder", [True, False])
def test_side_files(full_folder: Path, model_file: Path, as_folder: bool) -> None:
    head = load_flame(full_folder if as_folder else model_file)
    assert head.region("left_eye").nonzero().flatten().tolist() == [1, 2]
    assert head.region("eyes").sum() == 3
    assert head.region("face").sum() == 50
    jaw_and_face = head.landmarks["ibug68"]
    assert jaw_and_face.face_index.tolist() == [100] * 17 + list(range(51))
    assert jaw_and_face.barycentric.shape == (68, 3)
    media_pipe = head.landmarks["mediapipe105"]
    assert media_pipe.index is not None
    assert media_pipe.index.tolist() == list(range(0, 210, 2))
    assert head.eyelid_dirs[3, 1, 0] == pytest.approx(-0.01)
    assert head.eyelid_dirs[3 + N_HALF, 1, 1] == pytest.approx(-0.01)
    assert (head.eyelid_dirs != 0).sum() == 2
    uv = np.load(full_folder / "uv.npy").reshape(-1, 3, 2)
    np.testing.assert_allclose(head.uv[head.uv_faces], np.stack([uv[..., 0], 1 - uv[..., 1]], -1), atol=1e-6)
    assert head.mirror is not None
    assert head.mirror.tolist() == [(index + N_HALF) % (2 * N_HALF) for index in range(2 * N_HALF)]


def test_swapped_lid_files_are_told_apart_by_geometry(full_folder: Path, model_file: Path) -> None:
    want = load_flame(model_file).eyelid_dirs
    left, right = model_file.parent / "l_eyelid.npy", model_file.parent / "r_eyelid.npy"
    contents = left.read_bytes(), right.read_bytes()
    left.write_bytes(contents[1])
    right.write_bytes(contents[0])
    torch.testing.assert_close(load_flame(model_file).eyelid_dirs, want)


@pytest.mark.parametrize(
    ("file", "contents", "message"),
    [
        ("FLAME_masks.pkl", {"face": [0, 5000]}, "region 'face' names vertices 0 to 5000, the head has 200"),
        ("FLAME_masks.pkl", [1, 2], "expected a dict of vertex ids, got a list"),
        ("flame_static_embedding.pkl", {"lmk_face_idx": [1]}, "missing key 'lmk_b_coords'"),
        ("flame_static_embedding.pkl", {"lmk_face_idx": [9999], "lmk_b_coords": [[1, 0, 0]]}, "landmarks on triangles"),
        ("flame_static_embedding.pkl", {"lmk_face_idx": [1], "lmk_b_coords": [[1, 1, 0]]}, "do not sum to 1"),
    ],
)
def test_wrong_side_files(model_file: Path, file: str, contents: Any, message: str) -> None:
    write_pickle(model_file.parent / file, contents)
    with pytest.raises(FlameFileError, match=message):
        load_flame(model_file)


def _spoil(key: str, change: Callable[[np.ndarray], Any]) -> Callable[[dict[str, Any]], None]:
    def apply(arrays: dict[str, Any]) -> None:
        value = arrays[key]
        arrays[key] = change(value.toarray() if hasattr(value, "toarray") else value.copy())

    return apply


def _set(array: np.ndarray, index: Any, value: float) -> np.ndarray:
    array[index] = value
    return array


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda arrays: arrays.pop("posedirs"), "missing key 'posedirs'; it has J_regressor"),
        (_spoil("posedirs", lambda a: a[..., :27]), r"posedirs: shape \(200, 3, 27\), expected \(200, 3, 36\)"),
        (_spoil("shapedirs", lambda a: a[:100]), r"shapedirs: shape \(100, 3, 400\), expected \(200, 3, codes\)"),
        (_spoil("v_template", lambda a: a.ravel()), r"v_template: shape \(600,\)"),
        (_spoil("v_template", lambda a: _set(a, (5, 1), np.nan)), "v_template: holds NaN"),
        (_spoil("shapedirs", lambda a: _set(a, (5, 1, 7), np.inf)), "shapedirs: holds NaN or infinite"),
        (_spoil("f", lambda a: _set(a, (0, 0), 200)), r"f: names vertices \d+ to 200, expected 0 to 199"),
        (_spoil("weights", lambda a: a * 1.1), r"weights: row \d+ sums to 1\.1"),
        (_spoil("kintree_table", lambda a: _set(a, (0, 2), 0)), "kintree_table: parents"),
        (_spoil("kintree_table", lambda a: a[:, :4]), r"kintree_table: shape \(2, 4\), expected \(2, 5\)"),
        (_spoil("J_regressor", lambda a: a[:, :-1]), r"J_regressor: shape \(5, 199\), expected \(5, 200\)"),
        (lambda arrays: arrays.update(weights="text"), "weights: expected numbers"),
    ],
)
def test_wrong_models_are_named_by_their_key(
    tmp_path: Path, arrays: dict[str, Any], spoil: Callable[[dict[str, Any]], None], message: str
) -> None:
    spoil(arrays)
    with pytest.raises(FlameFileError, match=message):
        load_flame(write_pickle(tmp_path / "flame2023.pkl", arrays))


def test_a_root_written_as_minus_one(tmp_path: Path, arrays: dict[str, Any]) -> None:
    arrays["kintree_table"] = np.array([[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]])
    assert load_flame(write_pickle(tmp_path / "flame2023.pkl", arrays)).n_vertices == 200


def test_hostile_files_are_refused_wherever_they_hide(tmp_path: Path, model_file: Path) -> None:
    command = f"cposix\nsystem\n(Vtouch {tmp_path / 'trace'}\ntR.".encode()
    (tmp_path / "flame2023.pkl").write_bytes(command)
    with pytest.raises(FlameFileError, match=r"flame2023.pkl: refused: the file asks to run posix.system"):
        load_flame(tmp_path / "flame2023.pkl")
    header = np.lib.format.MAGIC_PREFIX + b"\x01\x00"
    text = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"
    (model_file.parent / "landmark_embedding.npy").write_bytes(
        header + len(text).to_bytes(2, "little") + text + command
    )
    with pytest.raises(FlameFileError, match=r"landmark_embedding.npy: refused: .*posix.system"):
        load_flame(model_file)
    assert not (tmp_path / "trace").exists()


def test_damaged_files(tmp_path: Path, model_file: Path) -> None:
    model_file.write_bytes(model_file.read_bytes()[:5000])
    with pytest.raises(FlameFileError, match="damaged pickle"):
        load_flame(model_file)
    for suffix in (".npz", ".safetensors"):
        (tmp_path / f"m{suffix}").write_bytes(b"not at all")
        with pytest.raises(FlameFileError, match="damaged"):
            load_flame(tmp_path / f"m{suffix}")


class TestCache:
    """A converted file is kept once, checked when read, and never trusted blindly."""

    def _kept(self) -> list[Path]:
        return sorted((cache.cache_folder() / "flame").iterdir())

    def test_kept_once_and_used(self, model_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = load_flame(model_file)
        (kept,) = self._kept()
        assert kept.suffix == ".safetensors"
        monkeypatch.setattr("shared.flame.read.load_pickle", lambda data: pytest.fail("converted twice"))
        _same(load_flame(model_file), first)
        assert self._kept() == [kept]

    @pytest.mark.parametrize("damage", ["truncate", "garbage", "schema", "source"])
    def test_stale_or_damaged_is_rebuilt(self, model_file: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
        first = load_flame(model_file)
        (kept,) = self._kept()
        good = kept.read_bytes()
        if damage == "truncate":
            kept.write_bytes(good[: len(good) // 2])
        elif damage == "garbage":
            kept.write_bytes(b"x" * 100)
        else:
            metadata = {"schema": cache.SCHEMA, "source_sha256": kept.stem}
            metadata |= {"schema": "0"} if damage == "schema" else {"source_sha256": "0" * 64}
            save_file({"v_template": np.zeros((4, 3))}, kept, metadata=metadata)
        _same(load_flame(model_file), first)
        assert kept.stat().st_size == len(good)
        monkeypatch.setattr("shared.flame.read.load_pickle", lambda data: pytest.fail("not kept again"))
        _same(load_flame(model_file), first)

    def test_another_source_is_another_entry(self, tmp_path: Path, arrays: dict[str, Any], model_file: Path) -> None:
        first = load_flame(model_file)
        arrays["v_template"] = arrays["v_template"] * 1.01
        write_pickle(model_file, arrays)
        assert load_flame(model_file).head_id != first.head_id
        assert len(self._kept()) == 2

    def test_an_unwritable_folder_is_done_without(
        self, tmp_path: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        (tmp_path / "a-file").write_text("")
        monkeypatch.setenv("PIXEL3DMM_CACHE", str(tmp_path / "a-file"))
        assert load_flame(model_file).n_vertices == 200
        assert any("set PIXEL3DMM_CACHE" in message for message in caplog.messages)


@pytest.mark.licensed
def test_real_flame_files() -> None:
    import os

    head = load_flame(os.environ["PIXEL3DMM_FLAME"])
    assert (head.n_vertices, len(head.faces)) == (5023, 9976)
