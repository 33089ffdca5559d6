"""Where a fit starts: from landmarks alone, or from a guess that changes nothing but the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.landmarks import N_MEDIAPIPE
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.geometry.rotation import axis_angle_to_matrix, matrix_to_axis_angle
from shared.images.decode import Frame
from shared.plugins.guess import load_guesser
from shared.runs.errors import UserError
from teacher.config import FitConfig, FitRunConfig, SolverConfig
from teacher.evidence.records import FaceEvidence
from teacher.fitting.fitter import Case, HeadFitter
from teacher.fitting.focal import under_focal
from teacher.observation.face import observe
from teacher.pipeline.fit import fit_seen
from teacher.pipeline.observe import evidence_of
from teacher.pipeline.tools import build_tools
from teacher.runs.views import case_of
from teacher.solver.levenberg import solve
from teacher.solver.structure import Structure
from tests.teacher.fakes import FakeDetector
from tests.teacher.test_fitter import project_landmarks, random_heads
from tests.tiny_head import tiny_head

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


@pytest.fixture(scope="module")
def fitter(model: FlameModel) -> HeadFitter:
    config = FitConfig(basis_tolerance_m=1e-3, solver=SolverConfig(tolerance=1e-6, max_steps=60))
    return HeadFitter(model, config, landmark_noise=LandmarkNoise.independent(N_MEDIAPIPE, 0.05))


@pytest.fixture(scope="module")
def truth(model: FlameModel) -> FlameParams:
    return random_heads(model, 3, seed=0)[0]


@pytest.fixture(scope="module")
def evidence(model: FlameModel, truth: FlameParams) -> FaceEvidence:
    camera = random_heads(model, 3, seed=0)[1]
    return FaceEvidence(project_landmarks(model, truth, camera), camera)


def wrong(truth: FlameParams) -> FlameParams:
    """Other people, turned by 20 degrees, nearer by a fifth."""
    turn = axis_angle_to_matrix(torch.tensor([0.0, 0.35, 0.0]))
    rotation = matrix_to_axis_angle(turn @ axis_angle_to_matrix(truth.global_rot))
    return replace(
        truth,
        shape=truth.shape.flip(0),
        expression=-truth.expression,
        global_rot=rotation,
        translation=0.8 * truth.translation,
    )


def test_right_and_wrong_starts_reach_the_same_energy(
    fitter: HeadFitter, evidence: FaceEvidence, truth: FlameParams
) -> None:
    plain = fitter.fit(evidence)
    for start in (truth, wrong(truth)):
        found = fitter.fit(replace(evidence, start=start))
        torch.testing.assert_close(found.energy, plain.energy, atol=0.0, rtol=2e-3)


def test_the_start_is_where_the_solver_starts(fitter: HeadFitter, evidence: FaceEvidence, truth: FlameParams) -> None:
    """From where the fit ended, nothing is left to do."""
    plain = fitter.fit(evidence)
    again = fitter.fit(replace(evidence, start=plain.params))
    assert again.steps.sum() < plain.steps.sum()
    assert (again.steps <= 4).all()


def test_few_landmarks_first_lead_to_the_same_end(fitter: HeadFitter, evidence: FaceEvidence) -> None:
    problem = fitter.problem(evidence, Case(Structure.photos(3)))
    whole = solve(problem, fitter.config.solver).energy
    torch.testing.assert_close(fitter.fit(evidence).energy, whole, rtol=1e-3, atol=0)  # the solver stops at as much


def test_little_is_left_to_gain_where_the_solver_stops(fitter: HeadFitter, evidence: FaceEvidence) -> None:
    problem = fitter.problem(evidence, Case(Structure.photos(3)))
    far, near = (solve(problem, SolverConfig(tolerance=tolerance)) for tolerance in (1e-3, 1e-7))
    assert (far.steps < near.steps).all()
    assert (far.energy - near.energy < 1e-3 * near.energy).all()


def test_a_guess_that_is_no_number_is_none(fitter: HeadFitter, evidence: FaceEvidence, truth: FlameParams) -> None:
    shape = truth.shape.clone()
    shape[1, 3] = torch.nan
    guess = fitter.first_guess(replace(evidence, start=replace(truth, shape=shape)))
    assert torch.equal(guess.shape[[0, 2]], truth.shape[[0, 2]])
    assert torch.equal(guess.translation[0], truth.translation[0])
    assert torch.equal(guess.translation[1], fitter.first_guess(evidence).translation[1])
    assert not guess.shape[1].any()


def test_pictures_of_one_person_start_from_the_mean_guess(
    fitter: HeadFitter, evidence: FaceEvidence, truth: FlameParams
) -> None:
    case = case_of(3, one_moment=False, known_cameras=False, device=CPU)
    values = fitter.problem(replace(evidence, start=truth), case).values()
    torch.testing.assert_close(values["shape"], truth.shape.mean(0, keepdim=True) @ fitter.basis.shape)
    torch.testing.assert_close(values["expression"], truth.expression @ fitter.basis.expression)
    assert torch.equal(values["translation"], truth.translation)
    moment = fitter.problem(
        replace(evidence, start=truth), case_of(3, one_moment=True, known_cameras=True, device=CPU)
    ).values()
    assert torch.equal(moment["translation"], truth.translation[:1])
    torch.testing.assert_close(moment["jaw"], truth.jaw.mean(0, keepdim=True))


def test_under_another_focal_length_a_start_looks_the_same(
    model: FlameModel, evidence: FaceEvidence, truth: FlameParams
) -> None:
    longer = under_focal(replace(evidence, start=truth), torch.full((3,), 1.5))
    assert longer.start is not None
    off_px = (project_landmarks(model, longer.start, longer.camera) - evidence.landmarks_px).norm(dim=-1)
    size_px = evidence.landmarks_px.amax((1, 2)) - evidence.landmarks_px.amin((1, 2))
    assert (off_px.mean(1) < 0.05 * size_px).all()


def guesser(weights: Path | None, head: object, device: torch.device) -> object:
    """A stand-in for the student's: the mean head, as far away as its camera says."""

    def guess(images: list[np.ndarray], landmarks_px: Tensor, camera: object) -> FlameParams:
        assert all(image.shape == (*camera.size, 3) for image in images)  # type: ignore[attr-defined]
        assert landmarks_px.shape == (len(images), N_MEDIAPIPE, 2)
        params = FlameModel(tiny_head() if head is None else head).neutral_params(len(images))  # type: ignore[arg-type]
        params.translation[:, 2] = -0.6
        return params

    return guess


def test_a_run_starts_where_the_option_says() -> None:
    config = FitRunConfig(prior="none", start="tests.teacher.test_start:guesser", device="cpu", crop_size=128)
    tools = build_tools(config, CPU)
    colour = np.full((120, 160, 3), 90, np.uint8)
    faces = observe(Frame(colour, "x", path=""), FakeDetector(), config)
    seen = evidence_of(faces, tools)
    assert seen.evidence.start is not None
    assert seen.evidence.start.translation.tolist() == [[0.0, 0.0, pytest.approx(-0.6)]]
    plain = replace(seen, evidence=replace(seen.evidence, start=None))
    ends = [fit_seen(faces, one, replace(tools, focal=None), config.quality)[0] for one in (seen, plain)]
    energies = [float(one.result.energy) for one in ends]  # type: ignore[union-attr]
    assert energies[0] == pytest.approx(energies[1], rel=0.02)


def test_a_guesser_that_is_not_there_is_named(tmp_path: Path) -> None:
    head = tiny_head()
    assert load_guesser("pose", head, CPU) is None
    with pytest.raises(UserError, match=r"start=.*gone\.safetensors is not there"):
        load_guesser(str(tmp_path / "gone.safetensors"), head, CPU)
    with pytest.raises(UserError, match=r"start=studnt: give pose, student, or package.*did you mean student"):
        load_guesser("studnt", head, CPU)
    with pytest.raises(UserError, match="must take these arguments: weights, head, device"):
        load_guesser("shared.evaluate.methods:mean_head", head, CPU)
