"""Registered scans: the folder's format, and what is wrong with a folder in words that name the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from shared.flame.segmentation import Part
from shared.runs.errors import UserError
from shared.scans.manifest import MANIFEST, SCHEMA
from shared.synthetic.scene.portrait import Portrait
from shared.training.samples import BadSample
from teacher.config import CompactConfig, PriorDataConfig, PriorTrainConfig
from teacher.prior.data.face_view import SampleError
from teacher.prior.data.sample import SampleMaker
from teacher.prior.data.scans import ScannedFaces
from teacher.prior.data.sources import build_source
from teacher.prior.records import UNKNOWN_PART, PriorSample
from tests.teacher.prior.data.plain_portrait import SIZE, detection, found_landmarks, head, portrait, vertices


@cache
def exact_maker() -> SampleMaker:
    return SampleMaker.of(head().assets, PriorDataConfig(landmark_share=1.0), None, SIZE, vertices())


def write(path: Path, picture: np.ndarray) -> None:
    """RGB or grey."""
    cv2.imwrite(str(path), picture[..., ::-1] if picture.ndim == 3 else picture)


def write_scans(root: Path, one: Portrait, normals: str = "camera") -> Path:
    """One scan with all that it may have; its folder."""
    folder = root / "anna" / "smile"
    folder.mkdir(parents=True)
    manifest = {"schema": SCHEMA, "normals": normals, "head_id": head().assets.head_id}
    (root / MANIFEST).write_text(json.dumps(manifest))
    view = exact_maker().views.view(one, None)
    assert view.R_cam_head is not None
    normal = view.normal @ view.R_cam_head.numpy() if normals == "head" else view.normal
    write(folder / "image.png", one.image)
    write(folder / "normal.png", ((normal + 1) * 32767.5).round().astype(np.uint16))
    uv = np.concatenate([view.uv, np.zeros_like(view.uv[..., :1])], 2)
    write(folder / "uv.png", (uv * 65535).round().astype(np.uint16))
    write(folder / "mask.png", view.valid.astype(np.uint8) * 255)
    write(folder / "part.png", view.part)
    T_cam_head = np.eye(4)
    T_cam_head[:3, :3], T_cam_head[2, 3] = view.R_cam_head.numpy(), 0.7
    camera = one.truth.camera
    values = {"focal_px": camera.focal_px.tolist(), "center_px": camera.center_px.tolist()}
    (folder / "camera.json").write_text(json.dumps(values | {"T_cam_head": T_cam_head.tolist()}))
    (folder / "landmarks.json").write_text(json.dumps(found_landmarks(one).tolist()))
    return folder


def opened(root: Path) -> ScannedFaces:
    return ScannedFaces.open(root, head().assets.head_id, len(vertices()))


def cut(scans: ScannedFaces, maker: SampleMaker | None = None) -> PriorSample:
    return (maker or exact_maker()).cut(scans.view(0), np.random.default_rng(0), 0)


@pytest.mark.parametrize("normals", ["camera", "head"])
def test_a_scan_is_the_sample_of_the_same_portrait(tmp_path: Path, normals: str) -> None:
    one = portrait(0)
    write_scans(tmp_path, one, normals)
    scans = opened(tmp_path)
    assert len(scans) == 1
    got = cut(scans)
    wanted = exact_maker().sample(one, detection(one), np.random.default_rng(0), 0)
    assert torch.equal(got.input.image, wanted.input.image)
    assert torch.allclose(got.input.landmarks_px, wanted.input.landmarks_px, atol=1e-3)
    assert torch.equal(got.target.uv_mask, wanted.target.uv_mask)
    assert torch.equal(got.target.part, wanted.target.part)
    assert (got.target.uv - wanted.target.uv).abs().max() < 1e-4
    assert (got.target.normal - wanted.target.normal).abs().max() < 1e-3
    assert got.target.points_known.shape == wanted.target.points_known.shape
    assert not got.target.points_known.any()
    assert float(got.target.px_per_m) > 0


def test_what_is_optional_may_be_missing(tmp_path: Path) -> None:
    folder = write_scans(tmp_path, portrait(0))
    for name in ("part.png", "camera.json", "landmarks.json"):
        (folder / name).unlink()
    got = cut(opened(tmp_path))
    inside = got.input.image.sum(0) > 0
    assert (got.target.part[inside] == UNKNOWN_PART).all()
    assert not got.input.has_landmarks
    assert float(got.target.px_per_m) == 0
    rows, columns = got.target.uv_mask.nonzero().unbind(1)
    assert abs(float(rows.min() + rows.max()) / 2 - SIZE / 2) < 4  # the mask's box is in the middle of the crop
    assert abs(float(columns.min() + columns.max()) / 2 - SIZE / 2) < 4
    head_frame = replace(exact_maker(), config=PriorDataConfig(normals="head"))
    with pytest.raises(SampleError, match="without the head's pose"):
        cut(opened(tmp_path), head_frame)


def test_normals_of_8_bits_do(tmp_path: Path) -> None:
    folder = write_scans(tmp_path, portrait(0))
    fine = cut(opened(tmp_path)).target
    picture = cv2.imread(str(folder / "normal.png"), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    cv2.imwrite(str(folder / "normal.png"), (picture / 257).round().astype(np.uint8))
    coarse = cut(opened(tmp_path)).target
    assert 1e-4 < (coarse.normal - fine.normal).abs().max() < 0.02


def grey(value: int, size: int = SIZE) -> np.ndarray:
    return np.full((size, size), value, np.uint8)


def colour(dtype: type, size: int = SIZE) -> np.ndarray:
    return np.full((size, size, 3), 7, dtype)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("image.png", lambda path: path.unlink(), r"image\.jpg or image\.png is missing"),
        ("normal.png", lambda path: path.unlink(), r"normal\.png cannot be read \(No such file"),
        ("uv.png", lambda path: path.write_bytes(b"no picture"), r"uv\.png is damaged"),
        (
            "normal.png",
            lambda path: write(path, colour(np.uint16, 32)),
            r"normal\.png is 32x32 pixels, the image 128",
        ),
        ("mask.png", lambda path: write(path, grey(1, 64)), r"mask\.png is 64x64 pixels"),
        ("normal.png", lambda path: write(path, grey(1)), r"normal\.png has 1 channels"),
        ("uv.png", lambda path: write(path, colour(np.uint8)), r"uv\.png has 8 bits"),
        ("mask.png", lambda path: write(path, colour(np.uint8)), r"mask\.png must be a grey picture"),
        ("mask.png", lambda path: write(path, grey(0)), r"mask\.png is empty"),
        ("part.png", lambda path: write(path, grey(100)), r"part\.png holds values other than 0 to 8 and 255"),
        ("camera.json", lambda path: path.write_text("{"), r"camera\.json cannot be read"),
        ("camera.json", lambda path: path.write_text("[]"), r"camera\.json must be an object"),
        ("camera.json", lambda path: path.write_text('{"focal_px": [9]}'), r"focal_px must be 2 numbers"),
        ("landmarks.json", lambda path: path.write_text("[[1, 2]]"), r"landmarks_px must be 478x2 numbers"),
    ],
)
def test_a_scan_that_cannot_be_used_names_the_file(
    tmp_path: Path, name: str, change: Callable[[Path], object], reason: str
) -> None:
    folder = write_scans(tmp_path, portrait(0))
    change(folder / name)
    with pytest.raises(SampleError, match=reason):
        opened(tmp_path).view(0)


def test_a_manifest_that_cannot_be_used_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scans\.json cannot be read"):
        opened(tmp_path)
    for manifest, reason in (
        ("[1]", "schema"),
        ('{"schema": "other"}', "schema"),
        (json.dumps({"schema": SCHEMA}), 'give "camera" or "head"'),
        (json.dumps({"schema": SCHEMA, "normals": "camera", "head_id": "00"}), "of the head 00"),
        (json.dumps({"schema": SCHEMA, "normals": "head", "head_id": head().assets.head_id}), "no scans in"),
    ):
        (tmp_path / MANIFEST).write_text(manifest)
        with pytest.raises(UserError, match=reason):
            opened(tmp_path)


def test_a_run_trains_on_scans_and_counts_the_bad(tmp_path: Path) -> None:
    folder = write_scans(tmp_path, portrait(0))
    assert (cv2.imread(str(folder / "part.png"), cv2.IMREAD_UNCHANGED) == int(Part.SKIN)).any()  # type: ignore[union-attr]
    config = PriorTrainConfig(out="", compact=CompactConfig(size=64), data=PriorDataConfig(scans=(str(tmp_path),)))
    source = build_source(config, vertices(), head().assets)
    assert isinstance(source[0], PriorSample)
    (folder / "uv.png").unlink()
    bad = source[1]
    assert isinstance(bad, BadSample)
    assert bad.reason == f"{folder}: uv.png cannot be read (No such file or directory)"
