"""Labels as training faces: what is usable is used, and what is not is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from shared.flame.segmentation import FACE_PARTS
from shared.geometry.crop import Crop
from shared.images.encode import write_jpeg
from shared.labels.shard import SCHEMA, Cameras, LabelShard, shard_name, write_shard
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.records.tensor_files import read_tensors, write_tensors
from shared.render.overlay import overlay
from shared.runs.errors import UserError
from shared.runs.files import write_text
from student.data.labels import LabelFaces
from tests.student.heads import cameras, landmarks_of, open_head, random_params

ANCHOR_M = torch.tensor([0.0, 0.03, 0.07])
SIZE = 64


def label_run(root: Path, count: int = 4, head_id: str | None = None, blendshapes: bool = True) -> Path:
    """A folder as teacher/fit_dataset.py writes it, with its pictures."""
    model, params, camera = open_head(), random_params(count), cameras(count)
    marks = landmarks_of(params, camera)
    pictures = root / "pictures"
    verts = model(params).verts_m
    names = [f"a/{number:03d}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        (pictures / "a").mkdir(parents=True, exist_ok=True)
        grey = torch.full((*camera.size, 3), 90, dtype=torch.uint8).numpy()
        write_jpeg(pictures / name, overlay(grey, verts[number], model.assets.faces, camera[number], model.assets))
    crops = Crop.around(marks, 128, 1.7)
    coefficients = torch.rand(count, N_BLENDSHAPES, generator=torch.Generator().manual_seed(1))
    shard = LabelShard(
        ids=tuple(f"{name}#0" for name in names),
        focal_sources=("given",) * count,
        params=params,
        cameras=Cameras.of([camera[row] for row in range(count)]),
        crop_affine=crops.affine,
        crop_size=torch.tensor([crops.size] * count),
        detected_landmarks_px=marks,
        confidence=torch.rand(count, len(FACE_PARTS), generator=torch.Generator().manual_seed(0)),
        quality=torch.linspace(0.5, 1, count),
        landmark_error=torch.full((count,), 0.03),
        eye_distance_m=torch.full((count,), 0.063),
        code_rms=torch.zeros(count, 2),
        drift=torch.zeros(count),
        map_found=torch.zeros(count),
        blendshapes=coefficients if blendshapes else None,
    )
    out = root / "labels_run"
    write_shard(out / "labels" / shard_name(0, 1), shard, {"head_id": head_id or model.assets.head_id})
    inputs = [{"kind": "photo", "path": str(pictures / name), "id": name} for name in names]
    write_text(out / "manifest.json", json.dumps({"schema": "pixel3dmm-distill/run/1", "inputs": inputs}))
    return out


def cut(folder: Path, root: Path, pictures: Path | None = None) -> LabelFaces:
    faces = LabelFaces.open(folder, open_head(), ANCHOR_M)
    return faces.cut(pictures, root / "crops", 1.5, SIZE, root / "bad.jsonl")


def test_a_stored_face_shows_the_labelled_head(tmp_path: Path) -> None:
    faces = cut(label_run(tmp_path), tmp_path)
    assert len(faces) == 4
    for index in range(4):
        face = faces.face(index)
        assert face.found_px is not None
        marks = landmarks_of(face.params.map(lambda t: t[None]), face.camera.map(lambda t: t[None]))[0]
        assert (marks - face.found_px).norm(dim=1).max() < 0.05, "the camera is that of the stored face"
        height, width = face.image.shape[:2]
        inside = ((marks > 2) & (marks < torch.tensor([width - 2.0, height - 2.0]))).all(1)
        x, y = marks[inside].long().unbind(1)
        assert (abs(face.image[y, x].astype(int) - 90).max(1) > 3).mean() > 0.9, "landmarks lie on the drawn head"
        assert face.weight == pytest.approx(float(faces.labels.quality[index]))
        assert torch.equal(face.confidence, faces.labels.confidence[index])


def test_blendshapes_are_those_of_the_label(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    run, old = label_run(tmp_path), label_run(tmp_path / "old", blendshapes=False)
    (tmp_path / "pictures/a/001.jpg").unlink()
    stored = read_tensors(run / "labels" / shard_name(0, 1), SCHEMA)[0]["blendshapes"]
    faces = cut(run, tmp_path)
    assert torch.equal(torch.stack([faces.face(row).blendshapes for row in range(3)]), stored[[0, 2, 3]])
    assert cut(old, tmp_path / "old").face(0).blendshapes.isnan().all(), "labels of schema 2 have none"


def test_faces_are_cut_once(tmp_path: Path) -> None:
    run = label_run(tmp_path)
    first = cut(run, tmp_path)
    assert first.files is not None
    times = [file.stat().st_mtime_ns for file in first.files]
    for picture in (tmp_path / "pictures" / "a").iterdir():
        picture.unlink()
    again = cut(run, tmp_path)
    assert again.files is not None
    assert [file.stat().st_mtime_ns for file in again.files] == times


def test_a_missing_and_a_damaged_picture_cost_their_own_faces(tmp_path: Path) -> None:
    run = label_run(tmp_path)
    (tmp_path / "pictures/a/001.jpg").unlink()
    (tmp_path / "pictures/a/002.jpg").write_bytes(b"no picture")
    faces = cut(run, tmp_path)
    assert list(faces.labels.ids) == ["a/000.jpg#0", "a/003.jpg#0"]
    assert faces.face(1).weight == pytest.approx(1.0), "rows stay with their labels"
    reasons = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [one["label"] for one in reasons] == ["a/001.jpg#0", "a/002.jpg#0"]


def test_pictures_that_have_moved_are_found_by_their_ids(tmp_path: Path) -> None:
    run = label_run(tmp_path)
    (tmp_path / "pictures").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"none of the 4 labelled pictures .* give data\.pictures=FOLDER"):
        cut(run, tmp_path)
    assert len(cut(run, tmp_path, tmp_path / "elsewhere")) == 4


def test_labels_of_another_head_or_schema_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds labels of head other"):
        LabelFaces.open(label_run(tmp_path / "a", head_id="other"), open_head(), ANCHOR_M)
    run = label_run(tmp_path / "b")
    path = run / "labels" / shard_name(0, 1)
    tensors, header = read_tensors(path, SCHEMA)
    write_tensors(path, tensors, header | {"schema": "pixel3dmm-distill/labels/1"})
    with pytest.raises(UserError, match="labels/1"):
        LabelFaces.open(run, open_head(), ANCHOR_M)
    with pytest.raises(UserError, match=r"run teacher/fit_dataset\.py"):
        LabelFaces.open(tmp_path / "nothing", open_head(), ANCHOR_M)


def test_rows_with_nan_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = label_run(tmp_path)
    path = run / "labels" / shard_name(0, 1)
    tensors, header = read_tensors(path, SCHEMA)
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    tensors["expression"][2, 5] = float("nan")
    write_tensors(path, tensors, header)
    faces = LabelFaces.open(run, open_head(), ANCHOR_M)
    assert list(faces.labels.ids) == [f"a/{row:03d}.jpg#0" for row in (0, 1, 3)]
    assert "1 of 4 labels are not finite" in caplog.text


def test_a_picture_of_another_size_is_not_taken(tmp_path: Path) -> None:
    run = label_run(tmp_path)
    small = torch.zeros(100, 120, 3, dtype=torch.uint8).numpy()
    write_jpeg(tmp_path / "pictures/a/000.jpg", small)
    faces = cut(run, tmp_path)
    assert len(faces) == 3
    assert "120x100" in (tmp_path / "bad.jsonl").read_text()
