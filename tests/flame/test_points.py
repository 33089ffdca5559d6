"""Surface points equal the full forward pass, in value and in their analytic Jacobian."""

from __future__ import annotations

import pytest
import torch
from torch.func import jacfwd, vmap

from shared.flame.code_basis import CodeBasis
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.points import ROTATIONS, FlamePoints, axis_angle_jacobian, stack_rotations
from shared.flame.schema import LandmarkEmbedding
from shared.geometry.rotation import left_jacobian
from tests.tiny_head import tiny_head


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(tiny_head()).double()


@pytest.fixture(scope="module")
def embedding(model: FlameModel) -> LandmarkEmbedding:
    whole = model.assets.landmarks["mediapipe"]
    barycentric = whole.barycentric[:40].double()
    return LandmarkEmbedding(whole.face_index[:40], barycentric / barycentric.sum(1, keepdim=True))


def random_params(model: FlameModel, batch: int, angle: float) -> FlameParams:
    generator = torch.Generator().manual_seed(batch)
    return model.neutral_params(batch).map(lambda t: angle * torch.randn(t.shape, generator=generator).to(t))


def pose(points: FlamePoints, params: FlameParams):
    codes = torch.cat([params.shape, params.expression, params.eyelids], -1)
    rotations = stack_rotations(params.global_rot, params.neck, params.jaw, *params.eyes.unbind(-2))
    return points.pose(codes, rotations, params.translation)


@pytest.mark.parametrize("angle", [0.0, 0.5, 2.0])
def test_points_lie_on_the_posed_mesh(model: FlameModel, embedding: LandmarkEmbedding, angle: float) -> None:
    params = random_params(model, 3, angle)
    expected = embedding.positions(model(params).verts_m, model.faces)
    points = FlamePoints.from_embedding(model, embedding)
    torch.testing.assert_close(pose(points, params).position, expected, atol=1e-12, rtol=0)


def test_points_at_vertices_are_the_vertices(model: FlameModel) -> None:
    vertices = model.faces.unique()[::3]
    params = random_params(model, 2, 0.7)
    position = pose(FlamePoints.from_vertices(model, vertices), params).position
    torch.testing.assert_close(position, model(params).verts_m[:, vertices], atol=1e-12, rtol=0)


@pytest.mark.parametrize("angle", [0.0, 1e-6, 0.4, 1.5])
def test_analytic_jacobian_equals_jacfwd(model: FlameModel, embedding: LandmarkEmbedding, angle: float) -> None:
    points = FlamePoints.from_embedding(model, embedding)
    params = random_params(model, 2, angle)
    posed = pose(points, params)
    identity = torch.eye(3).double().expand(2, points.n_points, 3, 3)
    jacobian = posed.pull_back(identity)

    def position(codes, rotations, translation):
        batched = stack_rotations(*(rotations[None, j] for j in range(5)))
        return points.pose(codes[None], batched, translation[None]).position[0]

    codes = torch.cat([params.shape, params.expression, params.eyelids], -1)
    rotations = torch.stack([params.global_rot, params.neck, params.jaw, *params.eyes.unbind(1)], 1)
    arguments = (codes, rotations, params.translation)
    by_codes, by_rotations, by_translation = vmap(jacfwd(position, argnums=(0, 1, 2)))(*arguments)
    torch.testing.assert_close(jacobian["codes"], by_codes, atol=1e-8, rtol=0)
    torch.testing.assert_close(jacobian["translation"], by_translation, atol=1e-8, rtol=0)
    for joint, name in enumerate(ROTATIONS):
        by_axis_angle = axis_angle_jacobian(jacobian[name], left_jacobian(rotations[:, joint]))
        assert by_axis_angle.abs().max() > 1e-4, "the test must see this joint"
        torch.testing.assert_close(by_axis_angle, by_rotations[:, :, :, joint], atol=1e-8, rtol=0)


def test_reduced_basis_keeps_what_the_points_see(model: FlameModel, embedding: LandmarkEmbedding) -> None:
    # Three points have nine coordinates: more than eight of twelve codes cannot be seen, whatever the tolerance.
    few = LandmarkEmbedding(embedding.face_index[:2], embedding.barycentric[:2])
    points = FlamePoints.from_embedding(model, few)
    basis = CodeBasis.of(points.displacements(), points.sizes, 1e-9)
    assert basis.sizes.shape == 6
    assert basis.sizes.expression == 5
    torch.testing.assert_close(basis.shape.T @ basis.shape, torch.eye(6).double())
    shape = torch.randn(4, 7).double()
    reduced = points.with_basis(basis)
    visible = points.sizes.split(points.displacements())["shape"] @ shape.T
    kept = reduced.sizes.split(reduced.displacements())["shape"] @ (shape @ basis.shape).T
    torch.testing.assert_close(kept, visible, atol=1e-10, rtol=0)
    assert CodeBasis.of(points.displacements(), points.sizes, 0.02).sizes.shape < 6
