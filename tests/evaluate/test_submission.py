"""Submissions read back, by our own eyes and by the benchmark's validator where it is installed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from shared.evaluate.faces import FaceMesh
from shared.evaluate.submission import SubmissionError, SvfrKey, svfr_keys, write_now, write_svfr
from shared.runs.files import StorageError

NAMES = ("017/EMO-1-shout+laugh_156_221501007", "372/FREE_786_222200038", "017/SEN-01-cramp_small_danger_005_222200048")
KEYS = [SvfrKey.parse(name) for name in NAMES]
PICTURES = ("FaMoS_1/multiview_neutral/IMG_0038.jpg", "FaMoS_1/selfie/IMG_0040.jpg")


def mesh(seed: int) -> FaceMesh:
    ball = trimesh.creation.icosphere(subdivisions=1, radius=0.1 + 0.01 * seed)
    generator = torch.Generator().manual_seed(seed)
    return FaceMesh(
        torch.from_numpy(np.array(ball.vertices)).float(),
        torch.from_numpy(np.array(ball.faces)),
        torch.randn(7, 3, generator=generator),
    )


def both(keys: list[SvfrKey]) -> Iterator[tuple[SvfrKey, dict[str, FaceMesh]]]:
    for number, key in enumerate(keys):
        yield key, {"posed": mesh(number), "neutral": mesh(number + 10)}


def test_keys_are_read_as_folders_are_named() -> None:
    assert KEYS[0] == (17, "EMO-1-shout+laugh", 156, "221501007")
    assert KEYS[2] == (17, "SEN-01-cramp_small_danger", 5, "222200048")
    assert tuple(key.folder for key in KEYS) == NAMES
    assert SvfrKey.parse("017/A_5_22").folder == "017/A_005_22"  # pictures have the plain number, meshes three digits
    with pytest.raises(SubmissionError, match="PARTICIPANT"):
        SvfrKey.parse("017/rgb.png")


def test_keys_of_a_downloaded_folder(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="no PARTICIPANT"):
        svfr_keys(tmp_path)
    for name in NAMES:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "rgb.png").touch()
    assert svfr_keys(tmp_path) == sorted(KEYS)


def test_svfr_zip_reads_back(tmp_path: Path) -> None:
    path = write_svfr(tmp_path / "new" / "mine.zip", both(KEYS), expected=KEYS)
    assert [p.name for p in path.parent.iterdir()] == ["mine.zip"]
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 4 * len(KEYS)
        for task, wanted in (("posed", mesh(1)), ("neutral", mesh(11))):
            ply = io.BytesIO(archive.read(f"{NAMES[1]}/mesh_{task}.ply"))
            read: Any = trimesh.load(ply, file_type="ply", process=False)
            assert np.allclose(read.vertices, wanted.verts_m, atol=1e-7)
            assert np.array_equal(read.faces, wanted.faces)
            landmarks = np.load(io.BytesIO(archive.read(f"{NAMES[1]}/landmarks_{task}.npy")))
            assert np.allclose(landmarks, wanted.landmarks_m, atol=1e-7)
    again = write_svfr(tmp_path / "again.zip", both(KEYS))
    assert again.read_bytes() == path.read_bytes()


def broken(change: Callable[[FaceMesh], FaceMesh]) -> list[tuple[SvfrKey, dict[str, FaceMesh]]]:
    return [(KEYS[0], {"posed": mesh(0)}), (KEYS[1], {"posed": change(mesh(1))})]


BAD_SVFR: dict[str, tuple[Any, Any, str]] = {
    "nan": (broken(lambda m: replace(m, verts_m=m.verts_m * torch.nan)), None, "372/.*posed.*not finite"),
    "empty": (broken(lambda m: replace(m, faces=m.faces[:0])), None, "empty"),
    "landmarks": (broken(lambda m: replace(m, landmarks_m=m.landmarks_m[:5])), None, "seven"),
    "nothing": ([], None, "at least one"),
    "missing": (list(both(KEYS[:2])), KEYS, "1 pictures have no mesh"),
    "unknown": (list(both(KEYS)), KEYS[:2], "SEN-01.* not in the benchmark"),
    "twice": (list(both([KEYS[0], KEYS[0]])), None, "comes twice"),
    "other tasks": ([*both(KEYS[:1]), (KEYS[1], {"posed": mesh(1)})], None, "372/.*tasks"),
    "no task": ([(KEYS[0], {})], None, "tasks"),
    "wrong task": ([(KEYS[0], {"smiling": mesh(0)})], None, "smiling"),
}


@pytest.mark.parametrize("case", BAD_SVFR)
def test_a_refused_zip_leaves_the_old_one(tmp_path: Path, case: str) -> None:
    meshes, expected, message = BAD_SVFR[case]
    path = tmp_path / "mine.zip"
    path.write_bytes(b"old")
    with pytest.raises(SubmissionError, match=message):
        write_svfr(path, meshes, expected)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_only_zip(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match=r"\.zip"):
        write_svfr(tmp_path / "mine.tar", both(KEYS))


def test_the_benchmarks_own_validator_agrees(tmp_path: Path) -> None:
    reader_module = pytest.importorskip(
        "nersemble_benchmark.data.submission_data",
        reason="needs nersemble-benchmark==0.2.0, whose dependencies (a third OpenCV flavour) do not fit beside ours",
        exc_type=ImportError,
    )
    constants = pytest.importorskip("nersemble_benchmark.constants")
    keys = [SvfrKey(p, *key) for p, of_person in constants.BENCHMARK_SVFR_IMAGE_KEYS.items() for key in of_person]
    assert len(keys) == 391
    whole = write_svfr(tmp_path / "whole.zip", both(keys), expected=keys)
    assert reader_module.SVFRSubmissionDataReader(str(whole)).validate_submission() == {}
    part = write_svfr(tmp_path / "part.zip", both(keys[1:]))
    issues = reader_module.SVFRSubmissionDataReader(str(part)).validate_submission()
    assert {name: len(found) for name, found in issues.items()} == {
        "missing_posed_meshes": 1,
        "missing_neutral_meshes": 1,
    }
    reader = reader_module.SVFRSubmissionDataReader(str(whole))
    assert np.allclose(reader.load_neutral_mesh(*keys[3]).vertices, mesh(13).verts_m, atol=1e-7)
    assert np.allclose(reader.load_posed_landmarks(*keys[3]), mesh(3).landmarks_m, atol=1e-7)


def test_now_folder_reads_back(tmp_path: Path) -> None:
    listed = [f"NoW_Dataset/final_release_version/iphone_pictures/{name}\n" for name in PICTURES]
    meshes = ((name, mesh(number)) for number, name in enumerate(PICTURES))
    folder = write_now(tmp_path / "now", meshes, expected=listed)
    assert [p.name for p in tmp_path.iterdir()] == ["now"]
    for number, name in enumerate(PICTURES):
        # As now_evaluation looks for them: four characters off the picture's name.
        read: Any = trimesh.load(folder / (name[:-4] + ".ply"), process=False)
        assert np.allclose(read.vertices, mesh(number).verts_m, atol=1e-7)
        assert np.allclose(np.load(folder / (name[:-4] + ".npy")), mesh(number).landmarks_m, atol=1e-7)
    assert sum(p.is_file() for p in folder.rglob("*")) == 4


BAD_NOW: dict[str, tuple[Any, Any, str]] = {
    "missing": ([(PICTURES[0], mesh(0))], PICTURES, "1 pictures"),
    "unknown": ([(PICTURES[0], mesh(0))], PICTURES[1:], "not in the benchmark"),
    "twice": ([(PICTURES[0], mesh(0)), ("x/" + PICTURES[0], mesh(1))], None, "twice"),
    "short": ([("selfie/IMG_0040.jpg", mesh(0))], None, "SUBJECT"),
    "outside": ([("../selfie/IMG_0040.jpg", mesh(0))], None, "SUBJECT"),
    "suffix": ([("a/b/IMG_0040.jpeg", mesh(0))], None, "SUBJECT"),
    "nan": ([(PICTURES[0], replace(mesh(0), landmarks_m=mesh(0).landmarks_m * torch.nan))], None, "finite"),
    "nothing": ([], None, "at least one"),
}


@pytest.mark.parametrize("case", BAD_NOW)
def test_a_refused_now_folder_leaves_nothing(tmp_path: Path, case: str) -> None:
    meshes, expected, message = BAD_NOW[case]
    with pytest.raises(SubmissionError, match=message):
        write_now(tmp_path / "now", meshes, expected)
    assert not list(tmp_path.iterdir())


def test_now_folder_is_never_mixed_with_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "now").mkdir()
    with pytest.raises(SubmissionError, match="exists"):
        write_now(tmp_path / "now", [(PICTURES[0], mesh(0))])


def test_a_place_that_is_not_writable_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="now"):
        write_now(tmp_path / "file" / "now", [(PICTURES[0], mesh(0))])
