"""The search for a focal length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.config import ObserveConfig
from shared.flame.assets import load_flame
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.model import FlameModel
from shared.geometry.focal import focal_from_35mm, focal_to_35mm
from shared.images.decode import Frame
from teacher.config import FitConfig, FocalConfig
from teacher.evidence.records import FaceEvidence
from teacher.fitting.fitter import HeadFitter
from teacher.fitting.focal import FocalSearch, most_probable, under_focal, with_focal_lengths, with_one_focal_length
from teacher.observation.face import ObservedFace, batch_evidence, observe
from teacher.prior.networks.vertices import spread_vertices
from teacher.solver.structure import Structure
from tests.teacher.fakes import FakeDetector
from tests.teacher.test_dense_fit import exact_evidence
from tests.teacher.test_fitter import project_landmarks, random_heads

TRUE = (0.75, 1.0, 1.35)  # focal lengths over the assumed one


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


@pytest.fixture(scope="module")
def search(model: FlameModel) -> FocalSearch:
    config = FitConfig(landmark_noise=1.0)
    return FocalSearch(
        HeadFitter(model, config, landmark_noise=LandmarkNoise.independent(N_MEDIAPIPE, 4e-3)), FocalConfig()
    )


@pytest.fixture(scope="module")
def evidence(model: FlameModel) -> FaceEvidence:
    """Mean heads 40 cm away, seen exactly, with cameras of another focal length than the true one."""
    params, camera = random_heads(model, len(TRUE), seed=3, yaw_deg=30.0)
    near = replace(params, translation=params.translation * (0.4 / -params.translation[:, 2:]), shape=0 * params.shape)
    camera = replace(camera, focal_px=torch.full_like(camera.focal_px, 700.0))
    return under_focal(FaceEvidence(project_landmarks(model, near, camera), camera), 1 / torch.tensor(TRUE))


def test_exact_evidence_tells_the_focal_length(search: FocalSearch, evidence: FaceEvidence) -> None:
    found = search(evidence, torch.full((len(TRUE),), 45.0))
    torch.testing.assert_close(found, torch.tensor(TRUE), atol=0.0, rtol=0.1)


def test_a_row_does_not_see_its_neighbours(model: FlameModel, evidence: FaceEvidence) -> None:
    search = FocalSearch(
        HeadFitter(model, FitConfig(), landmark_noise=LandmarkNoise.independent(N_MEDIAPIPE, 0.05)), FocalConfig()
    )
    together = search(evidence, torch.full((len(TRUE),), 45.0))
    alone = search(evidence[1:2], torch.full((1,), 45.0))
    torch.testing.assert_close(together[1:2], alone, atol=3e-5, rtol=0)


def test_pictures_of_one_person_have_one_lens(search: FocalSearch, evidence: FaceEvidence) -> None:
    twice = evidence[torch.tensor([2, 2])]
    one = search(twice, torch.full((1,), 45.0), Structure.of_one(torch.arange(2)))
    assert one.shape == (1,)
    torch.testing.assert_close(one, torch.tensor(TRUE[2:]), atol=0.0, rtol=0.1)


def test_normals_turn_with_the_line_of_sight(model: FlameModel) -> None:
    """A face beside the middle: a shorter lens sees it farther to the side, and so turned."""
    params, camera = random_heads(model, 1, seed=0)
    evidence = exact_evidence(model, spread_vertices(model.assets, 50), params, camera)
    assert evidence.dense is not None
    beside = replace(evidence, camera=replace(camera, center_px=camera.center_px - 400.0))
    factor = torch.tensor([1.6])
    there = under_focal(beside, factor)
    back = under_focal(there, 1 / factor)
    assert there.dense is not None
    assert back.dense is not None
    torch.testing.assert_close(there.camera.focal_px, 1.6 * camera.focal_px)
    torch.testing.assert_close(there.camera.center_px, beside.camera.center_px)
    torch.testing.assert_close(back.dense.normal, evidence.dense.normal, atol=1e-6, rtol=0)
    angle = torch.acos((there.dense.normal * evidence.dense.normal).sum(-1).clamp(max=1)).max()
    sight = [torch.atan(2**0.5 * 400 / focal) for focal in (camera.focal_px[0, 0], 1.6 * camera.focal_px[0, 0])]
    assert float(angle) == pytest.approx(float(sight[0] - sight[1]), rel=0.05)


def plain_face(config: ObserveConfig) -> ObservedFace:
    (face,) = observe(Frame(np.full((300, 400, 3), 90, np.uint8), "plain", ""), FakeDetector(), config)
    return face


class FixedSearch(FocalSearch):
    """Says 1.5 of all, and keeps what it was asked."""

    def __init__(self) -> None:
        self.__dict__["asked"] = None

    def __call__(self, evidence: FaceEvidence, assumed_35mm: Tensor, structure: Structure | None = None) -> Tensor:
        self.__dict__["asked"] = assumed_35mm
        return torch.full_like(assumed_35mm, 1.5)


def test_only_what_is_assumed_is_estimated() -> None:
    faces = [plain_face(ObserveConfig()), plain_face(ObserveConfig(focal_px=333.0))]
    evidence, search = batch_evidence(faces), FixedSearch()
    found, located = with_focal_lengths(faces, evidence, search)
    assert [face.focal_source for face in found] == ["estimated", "given"]
    assert search.__dict__["asked"].tolist() == pytest.approx(
        [focal_to_35mm(float(faces[0].camera.focal_px[0]), (300, 400))]
    )
    for row, factor in enumerate((1.5, 1.0)):
        torch.testing.assert_close(found[row].camera.focal_px, factor * faces[row].camera.focal_px)
        torch.testing.assert_close(located.camera.focal_px[row], factor * evidence.camera.focal_px[row])
    untouched, same = with_focal_lengths(faces, evidence, None)
    assert untouched == faces
    assert same is evidence


def test_a_clip_has_one_focal_length() -> None:
    faces = [plain_face(ObserveConfig())] * 3
    evidence = batch_evidence(faces)
    found, located = with_one_focal_length(faces, evidence, torch.tensor([0, 2]), FixedSearch())
    assert {face.focal_source for face in found} == {"estimated"}
    torch.testing.assert_close(located.camera.focal_px, 1.5 * evidence.camera.focal_px)


def test_equivalents_there_and_back() -> None:
    assert focal_to_35mm(focal_from_35mm(35.0, (300, 400)), (300, 400)) == pytest.approx(35.0)


def test_energy_and_prior_meet() -> None:
    """The energy of a lens half as long, sharp and blunt, under a prior on the assumed one."""
    config = FocalConfig(typical_35mm=50.0)
    inverse = torch.tensor([1 - config.reach, 1.0, 1 + config.reach])[:, None]
    energy = torch.tensor([1e5, 1e-5, 3.0]) * (inverse - 2.0) ** 2
    sharp, blunt, between = most_probable(energy, torch.full((3,), 50.0), config).tolist()
    assert sharp == pytest.approx(0.5, abs=1e-3)
    assert blunt == pytest.approx(1.0, abs=1e-3)
    assert 0.5 < between < 1.0


def test_the_range_is_kept_to() -> None:
    config = FocalConfig(log_std=10.0)
    found = most_probable(torch.tensor([[0.0, 18.0], [9.0, 9.0], [18.0, 0.0]]), torch.full((2,), 50.0), config)
    assert found.tolist() == pytest.approx([config.longest_35mm / 50, config.shortest_35mm / 50], rel=1e-4)
