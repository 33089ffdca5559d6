"""The open head that comes with the package: topology, expressions, landmarks, regions."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from shared.assets import asset_path
from shared.flame.model import FlameModel
from shared.flame.open_head_file import ASSET, load_open_head
from shared.flame.schema import FlameAssets

MM = 1e-3
IRIS_RADIUS_M = 0.0059


@pytest.fixture(scope="module")
def path() -> Path:
    return asset_path(ASSET)


@pytest.fixture(scope="module")
def head() -> FlameAssets:
    return load_open_head()


@pytest.fixture(scope="module")
def model(head: FlameAssets) -> FlameModel:
    return FlameModel(head)


@pytest.fixture(scope="module")
def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="np") as file:
        return file.metadata()


def posed(model: FlameModel, arkit: dict[str, float] | None = None, **fields: torch.Tensor) -> np.ndarray:
    """(V, 3) with ARKit units and other parameters set."""
    assets = model.assets
    assert assets.arkit is not None
    activation = torch.zeros(52)
    for name, value in (arkit or {}).items():
        activation[assets.arkit.names.index(name)] = value
    params = dataclasses.replace(
        model.neutral_params(),
        expression=assets.arkit.expression @ activation,
        jaw=assets.arkit.jaw @ activation,
        eyes=assets.arkit.eyes @ activation,
    )
    return model(dataclasses.replace(params, **fields)).verts_m.double().numpy()


def landmarks(head: FlameAssets, verts: np.ndarray, name: str = "mediapipe") -> np.ndarray:
    """(L, 3)."""
    return head.landmarks[name].positions(torch.from_numpy(verts), head.faces).numpy()


def mirrored(head: FlameAssets, verts: np.ndarray) -> np.ndarray:
    assert head.mirror is not None
    return verts[head.mirror.numpy()] * [-1, 1, 1]


def boundary_edges(faces: np.ndarray) -> np.ndarray:
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    assert count.max() == 2
    return unique[count == 1]


def exterior_faces(head: FlameAssets) -> np.ndarray:
    """Skin with the cavities behind lips and lids, without teeth, tongue and eyeballs."""
    inside = head.region("teeth") | head.region("tongue") | head.region("eyes")
    return head.faces[~inside[head.faces].any(1)].numpy()


def lid_gap_m(head: FlameAssets, verts: np.ndarray, side: str) -> float:
    """Height between the upper and lower rim landmarks near the middle of the eye."""
    upper, lower = ((159, 158, 160), (145, 153, 144)) if side == "right" else ((386, 385, 387), (374, 380, 373))
    points = landmarks(head, verts)
    return float(abs(points[list(upper), 1].mean() - points[list(lower), 1].mean()))


def test_size_and_file(head: FlameAssets, path: Path) -> None:
    assert path.stat().st_size < 14_000_000
    assert head.n_shape == 300
    assert head.n_expression == 85
    assert 5000 < head.n_vertices < 6000
    assert load_open_head(path).head_id == head.head_id
    assert len(head.head_id) == 16


def test_missing_and_wrong_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="build one"):
        load_open_head(tmp_path / "none.safetensors")
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(1, np.float32)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="no open head"):
        load_open_head(tmp_path / "other.safetensors")


def test_metadata(metadata: dict[str, str]) -> None:
    assert metadata["format"] == "open-head"
    assert {"version", "how", "source", "licence", "units", "uv", "pose", "statistics_mm"} <= metadata.keys()
    assert "CC0" in metadata["licence"]
    assert "Apache-2.0" in metadata["licence"]
    assert "MIT" in metadata["licence"]
    names = json.loads(metadata["arkit_names"])
    assert len(names) == 52
    assert names == sorted(names)
    assert {"eyeBlinkLeft", "jawOpen", "mouthClose", "tongueOut", "browInnerUp"} <= set(names)


def test_one_plane_neck_edge(head: FlameAssets) -> None:
    edges = boundary_edges(exterior_faces(head))
    vertices, degree = np.unique(edges, return_counts=True)
    assert (degree == 2).all()
    assert len(edges) == len(vertices)
    walk, at = {vertices[0]}, vertices[0]
    neighbours = {v: edges[(edges == v).any(1)].ravel() for v in vertices}
    while step := [v for v in neighbours[at] if v not in walk]:
        at = step[0]
        walk.add(at)
    assert len(walk) == len(vertices)  # one loop
    ring = head.v_template[vertices].double().numpy()
    normal = np.linalg.svd(ring - ring.mean(0))[2][2]
    assert np.abs((ring - ring.mean(0)) @ normal).max() < 0.1 * MM
    assert head.region("neck")[vertices].all()


def test_no_degenerate_faces_and_outward_winding(head: FlameAssets) -> None:
    corners = head.v_template.double()[head.faces].numpy()
    double_area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    assert double_area.min() > 1e-9
    ball = head.v_template[head.region("left_eye")].double().numpy()
    centre = (ball.max(0) + ball.min(0)) / 2
    eye = corners[head.region("left_eye")[head.faces].all(1).numpy()]
    normal = np.cross(eye[:, 1] - eye[:, 0], eye[:, 2] - eye[:, 0])
    assert ((eye.mean(1) - centre) * normal).sum(1).min() > 0
    skin = corners[head.region("scalp")[head.faces].all(1).numpy()]
    normal = np.cross(skin[:, 1] - skin[:, 0], skin[:, 2] - skin[:, 0])
    assert ((skin.mean(1) * normal).sum(1) > 0).mean() > 0.99


def test_mirror(head: FlameAssets) -> None:
    assert head.mirror is not None
    assert torch.equal(head.mirror[head.mirror], torch.arange(head.n_vertices))
    template = head.v_template.numpy()
    np.testing.assert_allclose(mirrored(head, template), template, atol=1e-6)
    assert (template[head.region("left_eye")][:, 0] > 0).all()  # x is the subject's left
    assert template[head.region("nose")][:, 2].mean() > template[head.region("scalp")][:, 2].mean()


def test_weights_and_joints(head: FlameAssets) -> None:
    torch.testing.assert_close(head.lbs_weights.sum(1), torch.ones(head.n_vertices), atol=1e-6, rtol=0)
    assert head.lbs_weights.min() >= 0
    for joint, side in ((3, "left"), (4, "right")):
        ball = head.v_template[head.region(f"{side}_eye")]
        centre = head.joint_regressor[joint] @ head.v_template
        radius = (ball - centre).norm(dim=1)
        assert radius.std() < 0.001 * MM
        assert 12.0 * MM < radius.mean() < 12.4 * MM
    moved = torch.einsum("jv,vke->jke", head.joint_regressor, head.expressiondirs)
    assert moved.abs().max() < 0.05 * MM
    assert head.expressiondirs[head.region("eyes")].abs().max() == 0


def test_shape_columns_are_sorted_and_symmetric_or_antisymmetric(head: FlameAssets) -> None:
    assert head.mirror is not None
    skin = head.region("face") | head.region("scalp") | head.region("neck")
    energy = head.shapedirs[skin].square().sum((0, 1))
    assert energy[0] == energy.max()
    assert energy[:20].sum() > 0.85 * energy.sum()
    flipped = head.shapedirs[head.mirror] * torch.tensor([-1.0, 1, 1])[:, None]
    same = (head.shapedirs - flipped).abs().amax((0, 1))
    opposite = (head.shapedirs + flipped).abs().amax((0, 1))
    assert torch.minimum(same, opposite).max() < 0.05 * MM


def test_lips_shut_at_neutral_and_for_identities(head: FlameAssets, model: FlameModel) -> None:
    generator = torch.Generator().manual_seed(0)
    for code in torch.cat([torch.zeros(1, 300), torch.randn(8, 300, generator=generator)]):
        points = landmarks(head, posed(model, shape=code))
        for upper, lower in ((13, 14), (82, 87), (312, 317)):
            assert np.linalg.norm(points[upper] - points[lower]) < 1.2 * MM
    points = landmarks(head, head.v_template.numpy())
    assert np.linalg.norm(points[13] - points[14]) < 0.2 * MM


def test_jaw_opens_the_mouth(head: FlameAssets, model: FlameModel) -> None:
    def gap(activation: float, **more: float) -> float:
        points = landmarks(head, posed(model, {"jawOpen": activation, **more}))
        return float(np.linalg.norm(points[13] - points[14])) / MM

    assert gap(1.0) > 25
    assert abs(gap(0.5) / gap(1.0) - 0.5) < 0.08
    assert gap(1.0, mouthClose=1.0) < 1.5
    closed, opened = (landmarks(head, posed(model, {"jawOpen": a, "mouthClose": a}))[152, 1] for a in (0.0, 1.0))
    assert closed - opened > 15 * MM  # the jaw stays down
    assert head.arkit is not None
    assert head.arkit.jaw[0, head.arkit.names.index("jawOpen")] > 0.2


def test_jaw_corrective_is_signed(head: FlameAssets) -> None:
    jaw = head.posedirs[:, :, 9:18]
    assert jaw.abs().max() > 1 * MM
    assert torch.equal(jaw[:, :, 5], -jaw[:, :, 7])
    assert head.posedirs[:, :, :9].abs().max() == 0
    assert head.posedirs[:, :, 18:].abs().max() == 0


@pytest.mark.parametrize("side", ["left", "right"])
def test_lids_shut(head: FlameAssets, model: FlameModel, side: str) -> None:
    opened = lid_gap_m(head, posed(model), side)
    assert 8 * MM < opened < 13 * MM
    assert lid_gap_m(head, posed(model, {f"eyeBlink{side.title()}": 1.0}), side) < 0.6 * MM
    shut = torch.tensor([1.0, 0.0]) if side == "left" else torch.tensor([0.0, 1.0])
    verts = posed(model, eyelids=shut)
    assert lid_gap_m(head, verts, side) < 0.6 * MM
    other = "right" if side == "left" else "left"
    assert abs(lid_gap_m(head, verts, other) - opened) < 0.2 * MM


def test_lids_rest_on_the_balls(head: FlameAssets, model: FlameModel) -> None:
    near = head.region("left_lids").numpy()
    generator = torch.Generator().manual_seed(1)
    for code in torch.cat([torch.zeros(1, 300), torch.randn(8, 300, generator=generator)]):
        verts = posed(model, shape=code)
        ball = verts[head.region("left_eye").numpy()]
        centre = head.joint_regressor[3].double().numpy() @ verts
        radius = np.linalg.norm(ball - centre, axis=1).mean()
        gap = (np.linalg.norm(verts[near] - centre, axis=1) - radius) / MM
        assert -0.3 < gap.min() < 0.7


def test_arkit_sides_are_mirror_images(head: FlameAssets, model: FlameModel) -> None:
    assert head.arkit is not None
    for name in head.arkit.names:
        if not name.endswith("Left"):
            continue
        other = name.removesuffix("Left") + "Right"
        left, right = posed(model, {name: 0.7}), posed(model, {other: 0.7})
        np.testing.assert_allclose(mirrored(head, left), right, atol=0.05 * MM, err_msg=name)
        assert np.abs(left - posed(model)).max() > 0.5 * MM, name


def test_gaze_units_turn_the_eyes(head: FlameAssets, model: FlameModel) -> None:
    def look(**units: float) -> np.ndarray:
        return landmarks(head, posed(model, units))[473] - landmarks(head, posed(model))[473]

    assert look(eyeLookOutLeft=1.0)[0] > 4 * MM
    assert look(eyeLookInLeft=1.0)[0] < -4 * MM
    assert look(eyeLookUpLeft=1.0)[1] > 4 * MM
    assert look(eyeLookDownLeft=1.0)[1] < -4 * MM
    assert np.abs(look(eyeLookUpRight=1.0)).max() < 1e-6


def test_regions(head: FlameAssets) -> None:
    parts = ["face", "scalp", "ears", "neck", "eyes", "mouth_interior", "sockets"]
    counted = torch.stack([head.region(name) for name in parts]).sum(0)
    assert torch.equal(counted, torch.ones(head.n_vertices, dtype=torch.int64))  # each vertex in exactly one
    for inner, outer in (("lips", "face"), ("lids", "face"), ("teeth", "mouth_interior"), ("tongue", "mouth_interior")):
        assert not (head.region(inner) & ~head.region(outer)).any(), inner
    for pair in ("ear", "eye", "lids"):
        left, right = head.region(f"left_{pair}"), head.region(f"right_{pair}")
        assert not (left & right).any()
        assert head.mirror is not None
        assert torch.equal(left[head.mirror], right)
    assert not (head.region("nose") & head.region("lips")).any()
    with pytest.raises(KeyError, match="it has"):
        head.region("tail")


def test_landmarks_lie_where_they_should(head: FlameAssets) -> None:
    verts = head.v_template.double().numpy()
    points = landmarks(head, verts)
    assert points.shape == (478, 3)
    assert landmarks(head, verts, "ibug68").shape == (68, 3)
    barycentric = head.landmarks["mediapipe"].barycentric
    torch.testing.assert_close(barycentric.sum(1), torch.ones(478), atol=1e-5, rtol=0)
    assert barycentric.min() >= 0
    pairs = [(33, 263), (133, 362), (61, 291), (78, 308), (234, 454), (70, 300), (468, 473), (469, 476), (159, 386)]
    for right, left in pairs:
        np.testing.assert_allclose(points[right] * [-1, 1, 1], points[left], atol=0.02 * MM)
        assert points[right, 0] < 0 or right == 469
    for middle in (1, 4, 10, 13, 14, 0, 17, 152, 168):
        assert abs(points[middle, 0]) < 0.02 * MM
    order = points[[10, 168, 4, 0, 13, 17, 152], 1]
    assert (np.diff(order) < 0).all()  # forehead, nasion, tip, lips, chin
    inside = head.faces[head.landmarks["mediapipe"].face_index[:468]]
    assert (head.region("face") | head.region("ears") | head.region("neck") | head.region("scalp"))[inside].all()
    ibug = landmarks(head, verts, "ibug68")
    assert ibug[0, 0] < ibug[4, 0] < ibug[8, 0] < ibug[12, 0] < ibug[16, 0]  # jaw contour from the right to the left
    assert (np.diff(ibug[1:9, 1]) < 0).all()


def test_irises_are_on_the_eyes(head: FlameAssets) -> None:
    points = landmarks(head, head.v_template.double().numpy())
    for first, joint in ((468, 4), (473, 3)):
        centre = (head.joint_regressor[joint] @ head.v_template).numpy()
        radius = np.linalg.norm(points[first : first + 5] - centre, axis=1)
        np.testing.assert_allclose(radius, radius[0], atol=0.01 * MM)
        rim = points[first + 1 : first + 5] - points[first]
        np.testing.assert_allclose(np.linalg.norm(rim[:, :2], axis=1), IRIS_RADIUS_M, atol=0.02 * MM)
        # MediaPipe's order, as seen in the image: right, top, left, bottom; the image's right is +x of the head.
        assert rim[0, 0] > 0 > rim[2, 0]
        assert rim[1, 1] > 0 > rim[3, 1]


def test_texture_coordinates(head: FlameAssets) -> None:
    assert head.uv.min() >= 0
    assert head.uv.max() <= 1
    corners = head.uv[head.uv_faces].double()
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = (first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).numpy()
    skin = (head.region("face") | head.region("scalp") | head.region("ears"))[head.faces].all(1).numpy()
    facing = np.sign(np.median(area[skin]))
    assert facing == -1  # upright with v down: not mirrored
    assert (area[skin] * facing > 0).all()  # no flipped triangle
    assert area_covered(corners[skin].numpy()) > 0.98 * np.abs(area[skin]).sum() / 2  # no overlap
    face = head.region("face")
    uv = head.vertex_uv().double().numpy()  # where charts meet, the last face's: the head's own chart
    assert np.corrcoef(uv[face, 0], head.v_template[face, 0])[0, 1] > 0.95
    assert np.corrcoef(uv[face, 1], head.v_template[face, 1])[0, 1] < -0.95
    assert head.mirror is not None
    assert np.abs(uv[face, 0] + uv[head.mirror[face], 0] - 1).max() < 0.002


def area_covered(triangles: np.ndarray, size: int = 1024) -> float:
    """Area of the union of UV triangles (F, 3, 2), by painting them."""
    import cv2

    canvas = np.zeros((size, size), np.uint8)
    for triangle in triangles:
        cv2.fillConvexPoly(canvas, np.round(triangle * size).astype(np.int32), 1)
    return float(canvas.mean())
