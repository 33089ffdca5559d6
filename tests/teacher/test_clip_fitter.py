"""Clips as one problem, on heads whose motion is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from teacher.config import ClipConfig, FitConfig
from teacher.evidence.records import FaceEvidence
from teacher.fitting.clip import fit_clip_jointly, spread_rows, windows
from teacher.fitting.fitter import HeadFitter, Motion
from tests.teacher.test_fitter import project_landmarks

RATE_HZ = 25.0


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


@pytest.fixture(scope="module")
def fitter(model: FlameModel) -> HeadFitter:
    config = FitConfig(landmark_noise=1.0, acceleration_std=1.0)
    return HeadFitter(model, config, landmark_noise=LandmarkNoise.independent(N_MEDIAPIPE, 0.045))


def moving(model: FlameModel, count: int) -> tuple[FlameParams, Camera]:
    """One person who turns, nods and opens the mouth."""
    generator = torch.Generator().manual_seed(0)
    angle = torch.linspace(0, 0.1 * count, count)
    zero = torch.zeros(count)
    params = replace(
        model.neutral_params(count),
        shape=0.8 * torch.randn(1, model.n_shape, generator=generator).expand(count, -1),
        global_rot=torch.stack([0.1 * angle.sin(), 0.3 * (1.3 * angle).sin(), zero], 1),
        jaw=torch.stack([0.1 + 0.1 * (1.7 * angle).sin(), zero, zero], 1),
        translation=torch.stack([0.02 * angle.sin(), zero, zero - 0.7], 1),
    )
    return params, Camera.at_origin(torch.full((count,), 900.0), (512, 512))


def evidence_of(model: FlameModel, params: FlameParams, camera: Camera, noise_px: float = 0.0) -> FaceEvidence:
    landmarks = project_landmarks(model, params, camera)
    noise = torch.randn(landmarks.shape, generator=torch.Generator().manual_seed(1))
    seen = torch.ones(len(landmarks), dtype=torch.bool)
    return FaceEvidence(landmarks + noise_px * noise, camera, seen=seen)


def one_shot(count: int) -> Motion:
    return Motion(torch.arange(count) > 0, RATE_HZ)


def trembling_mm(model: FlameModel, found: FlameParams, true: FlameParams) -> float:
    """Mean distance of the accelerations of the face to the true ones."""
    face = model.assets.region("face")
    bend = [x[2:] - 2 * x[1:-1] + x[:-2] for x in (model(found).verts_m[:, face], model(true).verts_m[:, face])]
    return float(1e3 * (bend[0] - bend[1]).norm(dim=-1).mean())


def test_a_clip_trembles_less_than_its_frames_and_has_one_identity(model: FlameModel, fitter: HeadFitter) -> None:
    params, camera = moving(model, 12)
    evidence = evidence_of(model, params, camera, noise_px=2.0)
    found = fit_clip_jointly(fitter, evidence, one_shot(12), ClipConfig())
    shape = found.params.shape
    torch.testing.assert_close(shape, shape[:1].expand_as(shape), atol=1e-6, rtol=0)
    alone = fitter.fit(evidence).params
    assert trembling_mm(model, found.params, params) < 0.5 * trembling_mm(model, alone, params)


def test_a_frame_without_a_face_lies_between_its_neighbours(model: FlameModel, fitter: HeadFitter) -> None:
    params, camera = moving(model, 9)
    exact = evidence_of(model, params, camera)
    assert exact.seen is not None
    hidden = torch.arange(9) == 4
    landmarks = torch.where(hidden[:, None, None], exact.landmarks_px[3:4] + 5, exact.landmarks_px)
    lost = replace(exact, landmarks_px=landmarks, seen=~hidden)
    found = fit_clip_jointly(fitter, lost, one_shot(9), ClipConfig()).params
    complete = fit_clip_jointly(fitter, exact, one_shot(9), ClipConfig()).params
    offset = (model(found[4]).verts_m - model(complete[4]).verts_m).norm(dim=-1).mean()
    assert offset < 0.0015  # it moved by 3 mm a frame
    assert trembling_mm(model, found, params) < 0.5


def test_a_cut_is_no_motion(model: FlameModel, fitter: HeadFitter) -> None:
    params, camera = moving(model, 8)
    shifted = replace(params, translation=params.translation + 0.05 * (torch.arange(8)[:, None] >= 4))
    evidence = evidence_of(model, shifted, camera)
    cut = Motion((torch.arange(8) > 0) & (torch.arange(8) != 4), RATE_HZ)
    with_cut = fit_clip_jointly(fitter, evidence, cut, ClipConfig()).params
    without = fit_clip_jointly(fitter, evidence, one_shot(8), ClipConfig()).params

    def jump(found: FlameParams) -> float:
        return float(found.translation[4, 0] - found.translation[3, 0])

    true = float(shifted.translation[4, 0] - shifted.translation[3, 0])
    assert abs(jump(with_cut) - true) < 0.1 * true
    assert abs(jump(without) - true) > abs(jump(with_cut) - true)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_clips(model: FlameModel, fitter: HeadFitter, count: int) -> None:
    params, camera = moving(model, count)
    found = fit_clip_jointly(fitter, evidence_of(model, params, camera), one_shot(count), ClipConfig())
    assert len(found.landmark_error) == count
    assert bool((found.landmark_error < 0.02).all())


def test_windows_meet_without_a_seam(model: FlameModel, fitter: HeadFitter) -> None:
    params, camera = moving(model, 20)
    evidence = evidence_of(model, params, camera, noise_px=1.0)
    whole = fit_clip_jointly(fitter, evidence, one_shot(20), ClipConfig(window=20, overlap=8))
    parts = fit_clip_jointly(fitter, evidence, one_shot(20), ClipConfig(window=12, overlap=8))
    seam = trembling_mm(model, parts.params, whole.params)
    assert seam < 0.1 * trembling_mm(model, fitter.fit(evidence).params, whole.params)


def test_no_face_is_refused(model: FlameModel, fitter: HeadFitter) -> None:
    params, camera = moving(model, 2)
    evidence = replace(evidence_of(model, params, camera), seen=torch.zeros(2, dtype=torch.bool))
    with pytest.raises(ValueError, match="no frame shows a face"):
        fit_clip_jointly(fitter, evidence, one_shot(2), ClipConfig())


def test_rows_are_spread_over_what_is_seen() -> None:
    seen = torch.tensor([False, True, True, True, False, True, True, False])
    assert spread_rows(seen, 3).tolist() == [1, 3, 6]
    assert spread_rows(seen, 10).tolist() == [1, 2, 3, 5, 6]


def all_decided(count: int, size: int, overlap: int) -> Tensor:
    return torch.cat([torch.arange(kept.start, kept.stop) for _, kept in windows(count, size, overlap)])


def test_windows_decide_every_frame_once() -> None:
    for count in (1, 2, 127, 128, 129, 300, 10_000):
        assert torch.equal(all_decided(count, 128, 24), torch.arange(count))
    assert torch.equal(all_decided(7, 3, 0), torch.arange(7))
