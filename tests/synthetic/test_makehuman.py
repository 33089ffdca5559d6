"""MakeHuman's assets on the open head, with a made-up pack of a few triangles and pictures."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.geometry.camera import Camera
from shared.geometry.rotation import axis_angle_to_matrix
from shared.synthetic.makehuman.base_mesh import BaseMesh, rotated
from shared.synthetic.makehuman.cards import Picture
from shared.synthetic.makehuman.garments import skin_faces
from shared.synthetic.makehuman.irises import read_iris
from shared.synthetic.makehuman.library import MakeHumanLibrary
from shared.synthetic.makehuman.scalp import faces_under_hair
from shared.synthetic.makehuman.strands import strand_directions
from shared.synthetic.scene.scene import PosedHead
from shared.synthetic.studio import pose_head

RIGHT, LEFT, BACK, FRONT, LOW, TOP = 5399, 11998, 962, 5320, 791, 881  # base vertices that all hair is scaled by
ATLAS_PX = 1024


@pytest.fixture(scope="module")
def assets() -> FlameAssets:
    return load_flame()


@pytest.fixture(scope="module")
def model(assets: FlameAssets) -> FlameModel:
    return FlameModel(assets)


@torch.no_grad()
def posed(model: FlameModel, **changes: Tensor) -> PosedHead:
    params: FlameParams = replace(model.neutral_params(), **changes)
    return pose_head(model, model.assets, params, Camera.at_origin(torch.tensor(500.0), (64, 64)))


def base_vertices(assets: FlameAssets, *numbers: int) -> Tensor:
    """Where base vertices are on the template."""
    mesh = BaseMesh.of(assets)
    return mesh.vertices[torch.from_numpy(mesh.rows(np.array(numbers)))].on_neutral(assets.v_template)


def write_garment(folder: Path, rows: list[str], opacity: int = 255) -> Path:
    """A strip of triangles with one vertex a row; its texture is brown."""
    folder.mkdir(parents=True)
    name = folder.name
    header = f"basemesh hm08\nobj_file {name}.obj\nx_scale {RIGHT} {LEFT} 1.5\ny_scale {LOW} {TOP} 2.5\n"
    header += f"z_scale {BACK} {FRONT} 2.0\nverts 0\nmaterial {name}.mhmat\n\n"
    (folder / f"{name}.mhclo").write_text("# made up\n" + header + "\n".join(rows) + "\ndelete_verts\n0 - 5\n")
    corners = [f"f {i + 1}/1 {i + 2}/2 {i + 3}/3" for i in range(len(rows) - 2)]
    lines = ["v 0 0 0"] * len(rows) + ["vt 0.1 0.1", "vt 0.9 0.1", "vt 0.1 0.9", *corners]
    (folder / f"{name}.obj").write_text("\n".join(lines))
    (folder / f"{name}.mhmat").write_text(f"name x\ndiffuseTexture {name}_diffuse.png\n")
    picture = np.full((32, 32, 4), (40, 60, 90, opacity), np.uint8)
    cv2.imwrite(str(folder / f"{name}_diffuse.webp"), picture, [cv2.IMWRITE_WEBP_QUALITY, 101])  # named .png above
    return folder


def atlas_picture() -> np.ndarray:
    """A skin that says where each of its pixels is: BGR = (128, y, x) of 0..255, and dotted so that it isn't dark."""
    ramp = ((np.arange(ATLAS_PX) + 0.5) / ATLAS_PX * 255).round().astype(np.uint8)
    return np.dstack([np.full((ATLAS_PX, ATLAS_PX), 128, np.uint8), *np.meshgrid(ramp, ramp, indexing="ij")])


def test_base_mesh_lies_on_the_template(assets: FlameAssets) -> None:
    right, left, back, front, _, top = base_vertices(assets, RIGHT, LEFT, BACK, FRONT, LOW, TOP)
    torch.testing.assert_close(right * torch.tensor([-1.0, 1, 1]), left, atol=1e-5, rtol=0)
    assert abs(float(top[1] - assets.v_template[:, 1].max())) < 1e-3
    assert back[2] < right[2] < front[2]
    assert max(abs(float(point[0])) for point in (back, front, top)) < 1e-5


def test_other_heads_are_refused(assets: FlameAssets, tmp_path: Path) -> None:
    write_garment(tmp_path / "hair" / "strip", [f"{TOP}", f"{FRONT}", f"{LEFT}"])
    with pytest.raises(ValueError, match="open head only"):
        MakeHumanLibrary.open(tmp_path, replace(assets, v_template=assets.v_template * 1.01))


def test_folder_without_assets(assets: FlameAssets, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing of MakeHuman"):
        MakeHumanLibrary.open(tmp_path, assets)
    with pytest.raises(FileNotFoundError, match="no folder"):
        MakeHumanLibrary.open(tmp_path / "absent", assets)


def test_hair_is_bound_and_scaled_as_its_file_says(model: FlameModel, tmp_path: Path) -> None:
    rows = [
        f"{TOP} {FRONT} {BACK} 0.5 0.25 0.25 0 0 0",
        f"{TOP} {FRONT} {BACK} 0.5 0.25 0.25 0.3 0.5 0.2",
        f"{TOP}",
    ]
    write_garment(tmp_path / "hair" / "strip", rows)
    binding = MakeHumanLibrary.open(tmp_path, model.assets).garments["hair"]["strip"].binding
    template = model.assets.v_template
    right, left, back, front, low, top = base_vertices(model.assets, RIGHT, LEFT, BACK, FRONT, LOW, TOP)
    at = binding.on_neutral(template)
    torch.testing.assert_close(at[0], 0.5 * top + 0.25 * front + 0.25 * back)
    torch.testing.assert_close(at[2], top)
    size = torch.stack([left[0] - right[0], top[1] - low[1], front[2] - back[2]])
    expected = torch.tensor([0.3, 0.5, 0.2]) * size / torch.tensor([1.5, 2.5, 2.0])
    torch.testing.assert_close(at[1] - at[0], expected)
    wider = binding.on_neutral(template * torch.tensor([1.2, 1.0, 1.0]))
    torch.testing.assert_close(wider[1] - wider[0], expected * torch.tensor([1.2, 1.0, 1.0]))


def test_hair_moves_with_skull_above_and_shoulders_below(model: FlameModel, tmp_path: Path) -> None:
    rows = [f"{TOP} {TOP} {TOP} 1 0 0 0 0.5 0", f"{TOP} {TOP} {TOP} 1 0 0 0 -4 -1", f"{TOP} {TOP} {TOP} 1 0 0 0 0.6 0"]
    write_garment(tmp_path / "hair" / "strip", rows)
    library = MakeHumanLibrary.open(tmp_path, model.assets)
    rest = library.garments["hair"]["strip"].binding.on_neutral(model.assets.v_template)
    head = posed(model, neck=torch.tensor([0.1, 0.6, 0.0]), global_rot=torch.tensor([0.2, 0.0, 0.3]))
    surface = library.hair_surfaces(head, "strip", (0.1, 0.05, 0.02))[0]
    torch.testing.assert_close(surface.verts_m[0], head.skull_to_world(rest[:1])[0])
    with_root = head.T_world_root[:3, :3] @ rest[1] + head.T_world_root[:3, 3]
    torch.testing.assert_close(surface.verts_m[1], with_root)
    assert surface.part == Part.HAIR
    assert surface.cover is not None
    assert int(surface.cover.min()) == 255
    with pytest.raises(KeyError, match="strip"):
        library.hair_surfaces(head, "absent", None)


def test_garments_stay_out_of_the_skin(model: FlameModel, tmp_path: Path) -> None:
    """Brows modelled 3 mm deep come out; they follow the face when it is posed."""
    brow = [int(i) for i in np.flatnonzero(BaseMesh.of(model.assets).row >= 0)]
    points = base_vertices(model.assets, *brow)
    marks = model.assets.landmarks["mediapipe"].positions(model.v_template, model.faces)
    wanted = marks[[334, 293, 296]]  # the subject's left brow
    near = [brow[int((points - at).norm(dim=1).argmin())] for at in wanted]
    write_garment(tmp_path / "eyebrows" / "sunk", [f"{i} {i} {i} 1 0 0 0 0 -0.03" for i in near])
    library = MakeHumanLibrary.open(tmp_path, model.assets)
    generator = torch.Generator().manual_seed(0)
    head = posed(model, expression=torch.randn(model.n_expression, generator=generator), neck=torch.tensor([0.3, 0, 0]))
    (surface,) = library.brow_surfaces(head, "sunk", (0.1, 0.1, 0.1))
    garment = library.garments["brows"]["sunk"]
    assert garment.clearance is not None
    assert float(garment.clearance.height(garment.binding.on_posed(head), head.verts_m).max()) < -1e-3
    assert float(garment.clearance.height(surface.verts_m, head.verts_m).min()) > 3.9e-4
    skin = (head.verts_m - surface.verts_m[:, None]).norm(dim=-1).min(1).values
    assert float(skin.max()) < 0.006


def test_skin_under_hair_is_coloured(assets: FlameAssets) -> None:
    """Hair all over the scalp but for a hole: the hole is closed, the hairline left bare."""
    skin = skin_faces(assets)
    on_scalp = skin[assets.region("scalp")[skin].all(1)]
    centre = assets.v_template[on_scalp].mean(1)
    middle = centre[(centre - torch.tensor([0.0, 0.05, -0.1])).norm(dim=1).argmin()]
    hole = (centre - middle).norm(dim=1) < 0.012
    under = faces_under_hair(on_scalp[~hole], skin, assets.n_vertices)
    assert len(under) > 200
    coloured = {tuple(face) for face in under.tolist()}
    assert coloured <= {tuple(face) for face in on_scalp.tolist()}
    assert hole.any()
    assert all(tuple(face) in coloured for face in on_scalp[hole].tolist())


def test_least_rotation() -> None:
    start, end = torch.nn.functional.normalize(torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1)), dim=-1)
    torch.testing.assert_close(rotated(start, start, end), end, atol=1e-5, rtol=1e-4)
    axis = torch.linalg.cross(start, end)
    torch.testing.assert_close(rotated(axis, start, end), axis, atol=1e-5, rtol=1e-4)
    quarter = axis_angle_to_matrix(torch.tensor([0.0, 0.0, torch.pi / 2]))
    x, y = torch.eye(3)[:1], torch.eye(3)[1:2]
    arms = torch.tensor([[0.2, 0.3, 0.5]])
    torch.testing.assert_close(rotated(arms, x, y), arms @ quarter.T)


def test_broken_assets_are_left_out_with_a_reason(
    assets: FlameAssets, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = [f"{TOP}", f"{FRONT}", f"{LEFT}"]
    hair = tmp_path / "hair"
    write_garment(hair / "fine", good)
    (write_garment(hair / "meshless", good) / "meshless.obj").unlink()
    (write_garment(hair / "bare", good) / "bare_diffuse.webp").unlink()
    write_garment(hair / "waist", ["10000", *good])
    write_garment(hair / "unknown", ["99999", *good])
    (write_garment(hair / "short", good) / "short.obj").write_text("v 0 0 0\nvt 0 0\nf 1/1 1/1 1/1\n")
    (write_garment(hair / "garbled", good) / "garbled_diffuse.webp").write_bytes(b"no picture")
    (write_garment(hair / "empty", good) / "empty_diffuse.webp").write_bytes(b"")
    cut = write_garment(hair / "cut", good) / "cut.mhclo"
    cut.write_text(re.sub(r"(?m)^x_scale.*", "x_scale 1 2", cut.read_text()))
    write_garment(tmp_path / "clothes" / "hat", good)
    with caplog.at_level(logging.WARNING):
        library = MakeHumanLibrary.open(tmp_path, assets)
    assert library.hair == ("fine",)
    for name, reason in {
        "meshless": "meshless.obj is missing",
        "bare": "no texture",
        "waist": "parts of the body",
        "unknown": "vertices that hm08 does not have",
        "short": "binds 3 vertices, but its mesh has 1",
        "garbled": "no picture that can be read",
        "empty": "no picture that can be read",
        "cut": "it has no x_scale",
    }.items():
        assert any(name in line and reason in line for line in caplog.messages), name
    assert len(caplog.messages) == 8


def test_skins_of_both_layouts_lie_on_the_head(assets: FlameAssets, tmp_path: Path) -> None:
    """Each texel shows the place of MakeHuman's atlas that the head's file names."""
    whole, cropped = tmp_path / "skins" / "young", tmp_path / "skins" / "cropped"
    whole.mkdir(parents=True)
    cropped.mkdir()
    atlas = atlas_picture()
    cv2.imwrite(str(whole / "young_diffuse.png"), atlas)
    (whole / "young.mhmat").write_text("diffuseTexture young_diffuse.png\n")
    cv2.imwrite(str(whole / "young_normal.png"), atlas)
    x0, y0, x1, y1 = 640, 170, 1024, 742
    cv2.imwrite(str(cropped / "other.png"), atlas[y0:y1, x0:x1])
    (cropped / "crop.json").write_text(json.dumps({"source_size": [1024, 1024], "crop_xyxy_px": [x0, y0, x1, y1]}))
    skins = {skin.name: skin for skin in MakeHumanLibrary.open(tmp_path, assets).skins}
    assert set(skins) == {"young", "other"}
    atlas_uv = load_file(Path(__file__).parents[2] / "shared/assets/open_head.safetensors")["atlas_uv"]
    rows = assets.uv_faces[assets.region("face")[assets.faces].all(1)].reshape(-1).unique().numpy()
    for skin in skins.values():
        side = len(skin.albedo)
        x, y = (assets.uv.numpy()[rows] * side).astype(int).T
        shown = skin.albedo[y, x, :2].astype(float)
        # the chart's border texels aside, which belong to neighbours
        assert np.percentile(np.abs(shown - 255 * atlas_uv[rows]), 95) < 2.0


def test_picture_that_is_no_skin(assets: FlameAssets, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "skins").mkdir()
    cv2.imwrite(str(tmp_path / "skins" / "oblong.png"), np.zeros((1024, 512, 3), np.uint8))
    with caplog.at_level(logging.WARNING):
        assert MakeHumanLibrary.open(tmp_path, assets).skins == ()
    assert "neither a square atlas nor a crop" in caplog.text


def test_iris_is_found_by_its_pupil(assets: FlameAssets, tmp_path: Path) -> None:
    eye = np.full((512, 512, 3), 215, np.uint8)
    cv2.circle(eye, (160, 330), 58, (150, 110, 40), -1)
    cv2.circle(eye, (160, 330), 16, (5, 5, 5), -1)
    folder = tmp_path / "eyes" / "materials"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / "teal_eye.png"), eye)
    (folder / "teal.mhmat").write_text("diffuseTexture teal_eye.png\n")
    (iris,) = MakeHumanLibrary.open(tmp_path, assets).irises
    assert iris.name == "teal"
    assert abs(iris.radius_px - 58) < 1.5
    rows, columns = np.nonzero(iris.picture.max(2) < 40)
    middle = np.array(iris.picture.shape[:2]) / 2
    assert np.abs([rows.mean() + 0.5, columns.mean() + 0.5] - middle).max() < 0.6
    cv2.imwrite(str(folder / "blank.png"), np.full((512, 512, 3), 215, np.uint8))
    with pytest.raises(ValueError, match="no round black pupil"):
        read_iris(folder / "blank.png")


def test_reduced_texture_keeps_its_coverage(tmp_path: Path) -> None:
    """Strands a pixel wide, which plain averaging would thin out to nothing."""
    rng = np.random.default_rng(0)
    image = np.zeros((1024, 1024, 4), np.uint8)
    image[:, rng.random(1024) < 0.1] = (30, 60, 120, 255)
    image[..., 3] = np.minimum(image[..., 3], rng.integers(180, 256, (1024, 1024)))
    cv2.imwrite(str(tmp_path / "strands.png"), image)
    picture = Picture.read(tmp_path / "strands.png")
    assert picture.cover.shape == (512, 512)
    assert abs(float((picture.cover > 127).float().mean()) - float((image[..., 3] > 127).mean())) < 0.01
    opaque = picture.albedo[:, picture.cover > 127].mean(1)
    torch.testing.assert_close(opaque, torch.tensor([0.188, 0.045, 0.013]), atol=0.01, rtol=0.05)  # no black bled in


def test_strands_follow_the_streaks(tmp_path: Path) -> None:
    """A texture streaked along one diagonal, on a sheet that stands upright."""
    rows, columns = np.mgrid[:256, :256]
    streaks = (127 + 80 * np.sin((rows - columns) / 3)).astype(np.uint8)  # constant along right-and-down
    cv2.imwrite(str(tmp_path / "streaks.png"), streaks)
    structure = Picture.read(tmp_path / "streaks.png").structure.numpy()
    x, y = (values.reshape(-1) for values in np.meshgrid(np.linspace(0, 1, 6), np.linspace(0, 1, 6)))
    verts = np.stack([x, -y, 0 * x], 1)  # v down the sheet
    quads = np.array([[i, i + 1, i + 6, i + 7] for i in range(30) if i % 6 < 5])
    faces = np.concatenate([quads[:, [0, 2, 1]], quads[:, [1, 2, 3]]])
    uv = np.stack([x, y], 1)[faces]
    found = strand_directions(verts, faces, uv, structure, np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(found, np.tile([0.7071, -0.7071, 0], (36, 1)), atol=0.03)
