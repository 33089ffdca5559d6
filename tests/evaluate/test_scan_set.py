"""A lab's own scans: registered and raw ones are judged as the truth they are."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from shared.config import EvaluateConfig
from shared.evaluate.faces import now_landmarks
from shared.evaluate.run import evaluate
from shared.evaluate.scan_set import scan_set
from shared.geometry.meshes import unit
from shared.runs.errors import UserError
from shared.scans.errors import ScanError
from shared.scans.manifest import MANIFEST, SCHEMA
from tests.evaluate import plain_set

SIDE = plain_set.SIDE


def write_scan(root: Path, index: int = 0, raw: bool = False, metres: float = 1.0) -> Path:
    """The face of `plain_set` number ``index`` as a scan, with its neutral one; its folder."""
    folder = root / f"person{index}" / "smile"
    folder.mkdir(parents=True)
    head = plain_set.model().assets
    manifest = {"schema": SCHEMA, "normals": "camera", "head_id": None if raw else head.head_id}
    (root / MANIFEST).write_text(json.dumps(manifest | {"unit": {1.0: "m", 1e-3: "mm"}[metres]}))
    image = np.full((SIDE, SIDE, 3), (index, 90, 120), np.uint8)
    cv2.imwrite(str(folder / "image.png"), image[..., ::-1])
    for place, verts, stem in zip((folder, folder.parent), plain_set.meshes(index), ("scan", "neutral"), strict=True):
        mesh = trimesh.Trimesh(verts.double().numpy() / metres, head.faces.numpy(), process=False)
        mesh.export(place / f"{stem}.ply")
        if raw:
            landmarks = now_landmarks(verts, head) / metres
            name = "now7.json" if stem == "scan" else "neutral_now7.json"
            (place / name).write_text(json.dumps(landmarks.tolist()))
    camera: dict[str, list] = {"focal_px": [160.0, 160.0], "center_px": [SIDE / 2, SIDE / 2]}
    camera["T_cam_scan"] = np.diag([1.0, -1.0, -1.0, 1.0]).tolist()
    (folder / "camera.json").write_text(json.dumps(camera))
    return folder


@pytest.mark.parametrize(("raw", "metres"), [(False, 1.0), (True, 1e-3)])
def test_a_method_that_knows_the_scan_has_no_error(tmp_path: Path, raw: bool, metres: float) -> None:
    write_scan(tmp_path / "scans", 1, raw, metres)
    config = EvaluateConfig("tests.evaluate.plain_set:perfect", str(tmp_path / "scans"), str(tmp_path / "run"))
    results = evaluate(config, quiet=True)
    assert results is not None
    (row,) = results.rows
    assert (row.state, row.person) == ("scored", "person1")
    for task in ("posed", "neutral"):
        numbers = row.numbers(task, "by_landmarks")
        assert numbers is not None
        assert numbers.l2_mm < 2e-3
    assert row.facts is not None
    assert row.facts["yaw_deg"] == pytest.approx(np.degrees(0.1), abs=3)  # of `plain_set.params(1)`
    assert row.landmark_error is not None
    assert row.landmark_error < 3  # MediaPipe's points are not quite those of the NoW challenge
    assert bool(row.motion) is not raw  # a raw scan without the 68 landmarks says nothing of motion
    assert [group.label for group in results.groups] == ["all", "0 to 20"]


def test_raw_scans_are_judged_near_the_nose_and_where_the_mask_shows_skin(tmp_path: Path) -> None:
    folder = write_scan(tmp_path, 0, raw=True)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | {"radius_mm": 60}))
    whole = scan_set(tmp_path).item(0).truth.posed
    assert ((whole.points_m - whole.landmarks_m[4]).norm(dim=1) < 0.06).all()
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, SIDE // 2 :] = 255  # the half on the right of the picture is skin
    cv2.imwrite(str(folder / "mask.png"), mask)
    half = scan_set(tmp_path).item(0).truth.posed
    for face, least in ((whole, 0.3), (half, 0.0)):
        front = face.points_m[unit(face.normals)[:, 2] > 0.7, 0]  # of the surface that faces the camera
        assert len(front) > 1000
        assert least <= (front < -0.006).float().mean() <= (0.6 if least else 0.07)


def test_a_scan_without_a_pose_is_judged_and_not_laid_on_the_picture(tmp_path: Path) -> None:
    folder = write_scan(tmp_path, 0)
    (folder / "camera.json").unlink()
    item = scan_set(tmp_path).item(0)
    assert (item.camera, item.placed, item.truth.landmarks) == (None, False, None)
    assert item.truth.neutral is not None


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"schema": SCHEMA}))
    with pytest.raises(UserError, match="no scans in"):
        scan_set(tmp_path)
    folder = write_scan(tmp_path, 0, raw=True)
    (folder / "now7.json").unlink()
    with pytest.raises(ScanError, match=r"now7\.json is missing: scan\.ply is no mesh of the open head"):
        scan_set(tmp_path).item(0)
    (tmp_path / MANIFEST).write_text(json.dumps({"schema": SCHEMA, "unit": "inch"}))
    with pytest.raises(UserError, match="give one of m, cm, mm"):
        scan_set(tmp_path)
