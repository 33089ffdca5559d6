from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import torch
import trimesh

from shared.export.gltf import expression_targets, write_glb
from shared.export.mesh_files import write_obj, write_ply
from shared.export.npz import read_params, write_params
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from tests.tiny_head import tiny_head


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(tiny_head())


@pytest.fixture(scope="module")
def params(model: FlameModel) -> FlameParams:
    generator = torch.Generator().manual_seed(3)
    return model.neutral_params().map(lambda t: 0.3 * torch.randn(t.shape, generator=generator))


def sorted_corners(mesh: trimesh.Trimesh) -> np.ndarray:
    return np.asarray(mesh.vertices)[np.asarray(mesh.faces)]


@pytest.mark.parametrize("suffix", ["ply", "obj", "glb"])
def test_meshes_load_back(tmp_path: Path, model: FlameModel, params: FlameParams, suffix: str) -> None:
    verts, assets, path = model(params).verts_m, model.assets, tmp_path / f"a.{suffix}"
    if suffix == "ply":
        write_ply(path, verts, assets.faces)
    else:
        (write_obj if suffix == "obj" else write_glb)(path, verts, assets)
    mesh = trimesh.load(path, process=False, force="mesh")
    assert np.allclose(sorted_corners(mesh), verts[assets.faces], atol=1e-6)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["obj", "glb"])
def test_texture_coordinates_survive_seams(tmp_path: Path, model: FlameModel, suffix: str) -> None:
    generator = torch.Generator().manual_seed(0)
    uv_faces = torch.randint(len(model.assets.uv), model.assets.faces.shape, generator=generator)  # seams everywhere
    assets = replace(model.assets, uv_faces=uv_faces)
    path = tmp_path / f"a.{suffix}"
    (write_obj if suffix == "obj" else write_glb)(path, assets.v_template, assets)
    mesh = trimesh.load(path, process=False, force="mesh")
    # trimesh, like OBJ, has v upwards.
    uv = np.asarray(mesh.visual.uv)[np.asarray(mesh.faces)] * [1, -1] + [0, 1]
    assert np.allclose(uv, assets.uv[uv_faces], atol=2e-6)
    assert np.allclose(sorted_corners(mesh), assets.v_template[assets.faces], atol=1e-6)


@pytest.mark.parametrize("suffix", ["obj", "glb"])
def test_a_head_without_texture_coordinates(tmp_path: Path, model: FlameModel, suffix: str) -> None:
    assets = replace(model.assets, uv=torch.zeros(0, 2), uv_faces=torch.zeros(0, 3, dtype=torch.int64))
    path = tmp_path / f"a.{suffix}"
    (write_obj if suffix == "obj" else write_glb)(path, assets.v_template, assets)
    mesh = trimesh.load(path, process=False, force="mesh")
    assert np.allclose(sorted_corners(mesh), assets.v_template[assets.faces], atol=1e-6)


def test_ply_is_binary_with_normals(tmp_path: Path, model: FlameModel) -> None:
    header = write_ply(tmp_path / "a.ply", model.assets.v_template, model.assets.faces).read_bytes()[:400]
    assert b"format binary_little_endian" in header
    assert b"property float nx" in header


def read_accessor(document: pygltflib.GLTF2, number: int) -> np.ndarray:
    """(N, 3) floats of a dense or sparse accessor, by the specification."""
    blob, accessor = document.binary_blob(), document.accessors[number]

    def view(index: int, dtype: type) -> np.ndarray:
        where = document.bufferViews[index]
        return np.frombuffer(blob[where.byteOffset : where.byteOffset + where.byteLength], dtype)

    values = np.zeros((accessor.count, 3), np.float32)
    if accessor.bufferView is not None:
        values = view(accessor.bufferView, np.float32).reshape(-1, 3).copy()
    if accessor.sparse is not None:
        rows = view(accessor.sparse.indices.bufferView, np.uint32)
        values[rows] = view(accessor.sparse.values.bufferView, np.float32).reshape(-1, 3)
    assert np.allclose(values.min(0), accessor.min)
    assert np.allclose(values.max(0), accessor.max)
    return values


def test_morph_targets_are_what_the_head_does(tmp_path: Path, model: FlameModel, params: FlameParams) -> None:
    path = write_glb(tmp_path / "a.glb", model(params).verts_m, model.assets, expression_targets(model, params))
    document = pygltflib.GLTF2().load_binary(str(path))
    assert document is not None
    names = [f"expression_{k:03d}" for k in range(5)] + ["eyelid_left", "eyelid_right"]
    assert document.meshes[0].extras["targetNames"] == names
    primitive = document.meshes[0].primitives[0]
    base = read_accessor(document, primitive.attributes.POSITION)
    targets = [read_accessor(document, target["POSITION"]) for target in primitive.targets]
    weights = torch.tensor([0.5, -1.0, 2.0, 0.3, -0.2])
    moved = replace(params, expression=params.expression + weights, eyelids=params.eyelids + torch.tensor([0.7, 0.0]))
    mixed = base + sum(w * t for w, t in zip([*weights.tolist(), 0.7, 0.0], targets, strict=True))
    assert np.allclose(mixed[: model.assets.n_vertices], model(moved).verts_m, atol=1e-5)


def test_local_morph_targets_are_sparse_and_smaller(tmp_path: Path, model: FlameModel) -> None:
    assets = model.assets
    local, whole = torch.zeros(assets.n_vertices, 3), torch.ones(assets.n_vertices, 3)
    local[4] = torch.tensor([0.01, 0.0, -0.02])
    small = write_glb(tmp_path / "small.glb", assets.v_template, assets, {"one": local, "none": 0 * local})
    document = pygltflib.GLTF2().load_binary(str(small))
    assert document is not None
    targets = [read_accessor(document, t["POSITION"]) for t in document.meshes[0].primitives[0].targets]
    assert np.allclose(targets[0][: assets.n_vertices], local)
    assert not targets[1].any()
    large = write_glb(tmp_path / "large.glb", assets.v_template, assets, {"one": whole, "none": 0 * local})
    assert small.stat().st_size < large.stat().st_size


def test_what_is_not_finite_is_refused(tmp_path: Path, model: FlameModel) -> None:
    verts = model.assets.v_template.clone()
    verts[3, 1] = float("nan")
    for write in (write_obj, write_glb):
        with pytest.raises(ValueError, match="finite"):
            write(tmp_path / "a", verts, model.assets)
    with pytest.raises(ValueError, match="finite"):
        write_ply(tmp_path / "a.ply", verts, model.assets.faces)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("batch", [(), (4,)])
def test_parameters_round_trip(tmp_path: Path, model: FlameModel, batch: tuple[int, ...]) -> None:
    params = model.neutral_params(*batch).map(lambda t: torch.randn(t.shape))
    camera = Camera.at_origin(torch.full(batch, 500.0), (480, 640))
    path = write_params(tmp_path / "p.npz", params, camera, {"frame": np.arange(4), "head": np.array("open")})
    read, read_camera = read_params(path)
    for name, value in vars(params).items():
        assert torch.equal(getattr(read, name), value)
    assert read_camera.size == (480, 640)
    assert torch.equal(read_camera.T_cam_world, camera.T_cam_world)
    with np.load(path, allow_pickle=False) as arrays:
        assert str(arrays["head"]) == "open"
    first = path.read_bytes()
    assert write_params(path, params, camera, {"frame": np.arange(4), "head": np.array("open")}).read_bytes() == first


def test_objects_never_reach_a_file(tmp_path: Path, model: FlameModel) -> None:
    camera = Camera.at_origin(torch.tensor(500.0), (480, 640))
    for name, value in (("more", np.array([None])), ("jaw", np.zeros(3))):
        with pytest.raises(ValueError, match=name):
            write_params(tmp_path / "p.npz", model.neutral_params(), camera, {name: value})
