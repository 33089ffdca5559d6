"""Correspondences from maps of a rendered head whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.geometry.face_crop import face_crop
from shared.geometry.meshes import vertex_normals
from shared.runs.errors import UserError
from teacher.config import DenseConfig, FitConfig, FitRunConfig, SolverConfig, VitConfig
from teacher.evidence.records import DenseEvidence, FaceEvidence, MapCheck
from teacher.fitting.fitter import HeadFitter
from teacher.pipeline.dense_prior import DensePrior
from teacher.prior.geometry.charts import Charts
from teacher.prior.geometry.crops import crop_input
from teacher.prior.networks.joined import JoinedPrior, load_priors
from teacher.prior.networks.vit import VitPrior
from teacher.prior.networks.weights import Prior, save_prior
from teacher.prior.records import Frame
from tests.teacher.rendered_maps import SIZE, networks, rendered
from tests.teacher.test_fitter import face_error_mm, project_landmarks, random_heads

PICTURE = np.zeros((512, 512, 3), np.uint8)
EXACT = FitConfig(
    landmark_noise=1.0,
    basis_tolerance_m=3e-4,
    solver=SolverConfig(max_steps=10),
    dense=DenseConfig(pixel_std=5e-3, pixel_bias_std=0.0, normal_bias_std=0.0, normal_turn_std=0.0, normal_std=0.05),
)


@dataclass(frozen=True)
class Scene:
    """One head in one picture, and what is found of it in exact maps."""

    params: FlameParams
    camera: Camera
    landmarks_px: Tensor  # (478, 2)
    prior: DensePrior
    dense: DenseEvidence  # (N)
    check: MapCheck
    error_px: Tensor  # (N) pixels of the crop
    facing: Tensor  # (N) cosine between the surface and the way to the camera

    @property
    def found(self) -> Tensor:
        return self.dense.pixel_std_px.isfinite()


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


def look(
    model: FlameModel, correspondences: str = "uv_map", frame: Frame = "camera", yaw: float = 0.3, clutter: float = 0.0
) -> Scene:
    """``clutter``: the UV beside the head is noise around the middle of the texture, so far to either side."""
    (params, cameras), config = random_heads(model, 1, seed=5), FitRunConfig(correspondences=correspondences)  # type: ignore[arg-type]
    params = replace(params, global_rot=torch.tensor([[0.1, yaw, 0.05]]), neck=torch.tensor([[0.1, 0.15, 0.0]]))
    camera, landmarks = cameras[0], project_landmarks(model, params, cameras)[0]
    crop = face_crop(landmarks, SIZE)
    noise = torch.rand(2, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    maps = rendered(model, params, camera, crop, frame)
    joined = JoinedPrior(networks(maps, frame, 0.5 + clutter * (2 * noise - 1) if clutter else None))
    prior = DensePrior.of(Prior(joined, model.assets.head_id, {}), config, model, torch.device("cpu"))
    dense, checks = prior.evidence([PICTURE], FaceEvidence(landmarks[None], cameras))
    verts = model(params).verts_m[0]
    normals, ours = vertex_normals(verts, model.faces)[prior.vertices], verts[prior.vertices]
    facing = -(normals * torch.nn.functional.normalize(ours, dim=1)).sum(1)
    error = (dense[0].pixel_px - camera.project(ours)).norm(dim=1) * crop.affine[0, 0]
    return Scene(params, camera, landmarks, prior, dense[0], checks[0], error, facing)


def test_an_exact_map_gives_vertices_to_a_fraction_of_a_pixel(model: FlameModel) -> None:
    scene, nearest = look(model), look(model, "nearest")
    assert scene.found[scene.facing > 0.5].float().mean() > 0.9
    assert scene.found[scene.facing < -0.2].float().mean() < 0.01
    assert scene.error_px[scene.found].median() < 0.2
    assert scene.error_px[scene.found].quantile(0.95) < 1
    assert nearest.error_px[nearest.found].median() > 0.3  # whole pixels
    assert nearest.found[nearest.facing > 0.5].float().mean() > 0.9


def test_normals_are_those_of_the_surface(model: FlameModel) -> None:
    for frame, turned in (("camera", False), ("head", True)):
        scene = look(model, frame=frame)  # type: ignore[arg-type]
        params = scene.params
        if turned:
            params = replace(params, global_rot=0 * params.global_rot, neck=0 * params.neck)
        true = vertex_normals(model(params).verts_m[0], model.faces)[scene.prior.vertices]
        cosine = (scene.dense.normal * true).sum(1)[scene.found & (scene.facing > 0.3)]
        assert scene.dense.normal_frame == ("head" if turned else "world")
        assert cosine.median() > 0.999


def test_a_vertex_where_charts_meet_is_found_in_either(model: FlameModel) -> None:
    assets = model.assets
    pairs = torch.stack([assets.faces, assets.uv_faces], -1).flatten(0, 1).unique(dim=0)
    vertex = int((torch.bincount(pairs[:, 0]) == 2).nonzero()[0])
    charts = Charts.of(assets, torch.tensor([vertex]))
    rows, columns = torch.meshgrid(torch.arange(40) + 0.5, torch.arange(40) + 0.5, indexing="ij")
    for chart in assets.uv[pairs[pairs[:, 0] == vertex, 1]]:
        uv = chart[:, None, None] + 0.002 * torch.stack([columns - 13.3, rows - 21.8])
        found = charts.look_up(uv, torch.ones(40, 40), 0.02, 1)
        assert found.valid.tolist() == [True]
        assert (found.pixel_px - torch.tensor([[13.3, 21.8]])).norm() < 0.02
        assert charts.distance(chart[None]) == 0


def test_what_looks_like_the_face_elsewhere_is_not_believed(model: FlameModel) -> None:
    """A map whose background says places of the face, as networks without parts do."""
    scene = look(model, clutter=0.3)
    wrong = scene.found & (scene.error_px > 25)
    assert wrong.float().mean() < 0.01
    prior = scene.prior
    _, prediction = prior.look(PICTURE, FaceEvidence(scene.landmarks_px, scene.camera))
    unchecked = prior.charts.look_up(prediction.maps.uv, torch.ones(SIZE, SIZE), 0.02, 1)  # type: ignore[arg-type]
    behind = unchecked.valid & (scene.facing < -0.3)
    assert behind.sum() > 5 * (scene.found & (scene.facing < -0.3)).sum()
    assert scene.found[scene.facing > 0.5].float().mean() > 0.85


def test_the_far_side_of_a_profile_is_not_seen(model: FlameModel) -> None:
    """The map of a near cheek, mirrored in the texture: what it says is hidden by the head."""
    scene = look(model, yaw=1.2)
    prior = scene.prior
    crop, prediction = prior.look(PICTURE, FaceEvidence(scene.landmarks_px, scene.camera))
    maps = prediction.maps
    assert maps.uv is not None
    swapped = torch.stack([1 - maps.uv[0], maps.uv[1]])
    prediction = replace(prediction, maps=replace(maps, uv=swapped))
    found = prior.correspond(
        prediction, crop, prior.head.view(scene.landmarks_px, scene.camera, crop), scene.camera
    ).pixel_std_px.isfinite()
    assert found.float().mean() < 0.35 * scene.found.float().mean()


def test_the_check_tells_what_was_found_and_how_far_it_is_in_the_map(model: FlameModel) -> None:
    scene = look(model)
    assert scene.check.found == pytest.approx(float(scene.found.float().mean()))
    assert len(scene.check.uv_distance) == 21
    assert list(scene.check.uv_distance) == sorted(scene.check.uv_distance)
    assert scene.check.uv_distance[10] < 0.003


@pytest.mark.slow
def test_maps_in_the_heads_axes_give_the_head(model: FlameModel) -> None:
    """Two networks, one for UV and one for normals, as Pixel3DMM's released ones."""
    scene = look(model, frame="head")
    dense = scene.dense[None]
    # The maps do not say that they are exact.
    dense = replace(dense, pixel_std_px=dense.pixel_std_px / 100, normal_std=dense.normal_std / 100)
    fitter = HeadFitter(model, EXACT, scene.prior.vertices, landmark_noise=LandmarkNoise.independent(478, 0.0002))
    seen = FaceEvidence(scene.landmarks_px[None], scene.camera[None], dense)
    found = fitter.fit(seen).params
    assert face_error_mm(model, model(found).verts_m, model(scene.params).verts_m) < 0.7


TINY = VitConfig("uv", "vit_tiny_patch16_224", "none", 64, 32, 1, 2)


def tiny_vit(path: Path, head_id: str, config: VitConfig) -> str:
    torch.manual_seed(0)
    network = VitPrior.build(config, "head", None)
    return str(save_prior(path, network, "vit", config, head_id, {}))


def test_two_networks_are_one(model: FlameModel, tmp_path: Path) -> None:
    uv = tiny_vit(tmp_path / "uv.safetensors", model.assets.head_id, TINY)
    normals = tiny_vit(tmp_path / "normals.safetensors", model.assets.head_id, replace(TINY, output="normal"))
    prior = load_priors(f"{uv},{normals}")
    given = crop_input(np.full((64, 64, 3), 90, np.uint8), None, None)[None]
    with torch.inference_mode():
        maps = prior.network(given).maps
        assert torch.equal(maps.uv, load_priors(uv).network(given).maps.uv)
        assert torch.equal(maps.normal, load_priors(normals).network(given).maps.normal)
    assert maps.frame == "head"
    dense = DensePrior.load(FitRunConfig(prior=f"{uv},{normals}"), model, torch.device("cpu"))
    assert dense is not None
    camera = Camera.at_origin(torch.tensor([900.0]), (512, 512))
    evidence, _ = dense.evidence([PICTURE], FaceEvidence(look(model).landmarks_px[None], camera))
    assert evidence.normal_frame == "head"
    assert evidence.pixel_px.isfinite().all()


def test_networks_that_do_not_go_together(model: FlameModel, tmp_path: Path) -> None:
    head = model.assets.head_id
    uv = tiny_vit(tmp_path / "uv.safetensors", head, TINY)
    other = tiny_vit(tmp_path / "other.safetensors", "another", replace(TINY, output="normal"))
    large = tiny_vit(tmp_path / "large.safetensors", head, replace(TINY, output="normal", size=96))
    normals = tiny_vit(tmp_path / "normals.safetensors", head, replace(TINY, output="normal"))
    with pytest.raises(UserError, match="different heads"):
        load_priors(f"{uv},{other}")
    with pytest.raises(UserError, match="64 and 96 pixels"):
        load_priors(f"{uv},{large}")
    with pytest.raises(UserError, match="predicts no UV"):
        DensePrior.load(FitRunConfig(prior=normals), model, torch.device("cpu"))
    with pytest.raises(UserError, match="give uv_map or nearest"):
        DensePrior.load(FitRunConfig(prior=uv, correspondences="points"), model, torch.device("cpu"))


def test_charts_need_texture_coordinates(model: FlameModel) -> None:
    bare = replace(model.assets, uv=model.assets.uv[:0], uv_faces=model.assets.uv_faces[:0])
    with pytest.raises(ValueError, match="no texture coordinates"):
        Charts.of(bare, torch.arange(4))
