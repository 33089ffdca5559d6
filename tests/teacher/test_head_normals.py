"""Normals in the head's own axes: a term without the head's pose, and a fit that uses it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.flame.assets import load_flame
from shared.flame.landmark_noise import LandmarkNoise
from shared.flame.model import FlameModel
from shared.geometry.meshes import vertex_normals
from teacher.config import DenseConfig, FitConfig
from teacher.fitting.fitter import HeadFitter
from teacher.prior.networks.vertices import spread_vertices
from teacher.residuals.head_normals import TURNED, HeadNormalTerm
from teacher.residuals.normals import NormalTerm
from tests.teacher.test_dense_fit import exact_evidence
from tests.teacher.test_fitter import face_error_mm, random_heads
from tests.teacher.test_residuals import differentiate, random_problem


@pytest.mark.parametrize("threshold", [1e9, 2.0])
def test_jacobian_leaves_out_the_pose_of_the_whole_head(threshold: float) -> None:
    problem, values = random_problem(FitConfig(dense=DenseConfig(robust_threshold=threshold)))
    normals = problem.terms["dense_normals"]
    assert isinstance(normals, NormalTerm)
    term = HeadNormalTerm(normals)
    linearised = term.linearise(values)
    assert not {*TURNED} & set(linearised.jacobian)
    energy = differentiate(term, problem, values, lambda t, v: t.energy(v))
    assert not any(energy[name].any() for name in set(values) - set(linearised.jacobian))
    for name, block in linearised.jacobian.items():
        got = (linearised.residual[:, None] @ block)[:, 0]
        torch.testing.assert_close(got, energy[name], atol=1e-8 * float(got.abs().max()), rtol=1e-7)
    if threshold > 1e3:
        plain = differentiate(term, problem, values, lambda t, v: t.linearise(v).residual)
        for name, block in linearised.jacobian.items():
            torch.testing.assert_close(block, plain[name], atol=1e-8 * float(plain[name].abs().max()), rtol=1e-7)
        assert linearised.jacobian["jaw"].abs().max() > 0


def test_rows_can_be_taken_out() -> None:
    problem, values = random_problem(FitConfig())
    normals = problem.terms["dense_normals"]
    assert isinstance(normals, NormalTerm)
    term, keep = HeadNormalTerm(normals), torch.tensor([2, 0])
    some = {name: value[keep] for name, value in values.items()}
    torch.testing.assert_close(term[keep].energy(some), term.energy(values)[keep])


@pytest.mark.slow
def test_they_shape_the_face_as_those_in_the_world_do() -> None:
    """Beside landmarks with noise, with turned necks: the same heads, which are others than without normals."""
    model = FlameModel(load_flame())
    vertices = spread_vertices(model.assets, 400)
    params, camera = random_heads(model, 4, seed=12)
    params = replace(params, neck=3 * params.neck)
    evidence = exact_evidence(model, vertices, params, camera)
    upright = replace(params, global_rot=0 * params.global_rot, neck=0 * params.neck)
    dense = evidence.dense
    assert dense is not None
    world = replace(dense, pixel_std_px=torch.full_like(dense.pixel_std_px, torch.inf))
    head = replace(world, normal=vertex_normals(model(upright).verts_m, model.faces)[:, vertices], normal_frame="head")
    noise = 3 * torch.randn(evidence.landmarks_px.shape, generator=torch.Generator().manual_seed(0))
    fitter = HeadFitter(model, FitConfig(), vertices, landmark_noise=LandmarkNoise.independent(478, 0.05))
    found = [
        model(fitter.fit(replace(evidence, landmarks_px=evidence.landmarks_px + noise, dense=dense)).params).verts_m
        for dense in (None, world, head)
    ]
    apart, moved = (face_error_mm(model, found[2], other).mean() for other in (found[1], found[0]))
    assert apart < 0.5 * moved
    truth = model(params).verts_m
    torch.testing.assert_close(*(face_error_mm(model, one, truth) for one in found[1:]), rtol=0.2, atol=0)
