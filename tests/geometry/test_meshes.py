"""Normals, alignment, nearest points and mirroring."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import trimesh

from shared.flame.open_head_file import load_open_head
from shared.geometry.closest import SurfaceTree, closest_points
from shared.geometry.meshes import align, face_normals, mirrored, unit, vertex_normals
from shared.geometry.rotation import axis_angle_to_matrix
from tests.render.scenes import sphere


def test_vertex_normals_of_a_sphere_point_outwards() -> None:
    verts, faces = sphere(40, 2.0)
    normals = vertex_normals(verts, faces)
    assert ((normals * verts / 2).sum(-1)).min() > 0.9995
    assert torch.allclose(normals.norm(dim=-1), torch.ones(len(verts)), atol=1e-6)


def test_vertex_normals_gradcheck() -> None:
    verts, faces = sphere(3, 1.0, torch.float64)
    verts = verts + 0.05 * torch.randn(2, *verts.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: vertex_normals(v, faces), (verts.requires_grad_(),))


def test_degenerate_triangles_and_lonely_vertices_stay_finite() -> None:
    verts = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]], requires_grad=True)
    faces = torch.tensor([[0, 1, 2], [0, 0, 1]])
    normals = vertex_normals(verts, faces)
    assert not normals.any()
    assert torch.autograd.grad(normals.sum(), verts)[0].isfinite().all()
    assert not face_normals(verts, faces).any()
    assert torch.equal(unit(torch.zeros(2, 3)), torch.zeros(2, 3))
    # A micrometre triangle still has a direction.
    tiny = torch.tensor([[0.0, 0, 0], [1e-6, 0, 0], [0, 1e-6, 0]])
    assert torch.allclose(face_normals(tiny, torch.tensor([[0, 1, 2]])), torch.tensor([[0.0, 0, 1]]))


@pytest.mark.parametrize("with_scale", [False, True])
def test_align_recovers_a_similarity(with_scale: bool) -> None:
    generator = torch.Generator().manual_seed(4)
    source = torch.randn(5, 12, 3, generator=generator, dtype=torch.float64)
    rotation = axis_angle_to_matrix(torch.randn(5, 3, generator=generator, dtype=torch.float64))
    shift = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    scale = 1.7 if with_scale else 1.0
    target = scale * source @ rotation.transpose(-1, -2) + shift[:, None]
    target[:, 0] += 3.0  # an outlier that the weights leave out
    weights = torch.ones(12, dtype=torch.float64)
    weights[0] = 0
    found = align(source, target, weights, with_scale)
    assert torch.allclose(found.rotation, rotation, atol=1e-9)
    assert torch.allclose(found.scale, torch.full((5,), scale, dtype=torch.float64))
    assert torch.allclose(found.apply(source)[:, 1:], target[:, 1:], atol=1e-9)


def test_align_never_reflects_and_is_optimal() -> None:
    generator = torch.Generator().manual_seed(1)
    source = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    target = source * torch.tensor([-1.0, 1, 1], dtype=torch.float64) + 0.1 * torch.randn(
        9, 3, generator=generator, dtype=torch.float64
    )
    found = align(source, target, with_scale=True)
    assert torch.linalg.det(found.rotation) == pytest.approx(1.0)
    best = (found.apply(source) - target).square().sum()
    for _ in range(50):
        turn = axis_angle_to_matrix(0.05 * torch.randn(3, generator=generator, dtype=torch.float64))
        stretch = 1 + 0.05 * torch.randn((), generator=generator, dtype=torch.float64)
        other = (found.apply(source) - target.mean(0)) @ turn.T * stretch + target.mean(0)
        assert (other - target).square().sum() > best


def test_align_refuses_what_it_cannot_align() -> None:
    with pytest.raises(ValueError, match="N >= 3"):
        align(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="corresponding"):
        align(torch.zeros(4, 3), torch.zeros(5, 3))


@pytest.mark.parametrize("n_faces", [1, 2, 3, 4, 5, 17, 200])
def test_closest_points_against_all_triangles(n_faces: int) -> None:
    generator = np.random.default_rng(n_faces)
    verts = generator.normal(size=(3 * n_faces, 3))
    faces = np.arange(3 * n_faces).reshape(n_faces, 3)
    queries = 2 * generator.normal(size=(60, 3))
    every = trimesh.triangles.closest_point(np.repeat(verts[faces], 60, 0), np.tile(queries, (n_faces, 1)))
    distance = np.linalg.norm(every.reshape(n_faces, 60, 3) - queries, axis=-1)
    hit = closest_points(queries, verts, faces)
    assert np.abs(hit.distance - distance.min(0)).max() < 1e-12
    assert np.abs(np.linalg.norm(hit.points - queries, axis=-1) - hit.distance).max() < 1e-12
    assert (hit.face_index == distance.argmin(0)).all()


def test_closest_points_on_degenerate_triangles() -> None:
    verts = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]])
    queries = np.array([[0.5, 1.0, 0], [1.7, 0, 2.0], [-3.0, 0, 0], [5.0, 0, 0]])
    for face in ([0, 1, 2], [0, 2, 2], [0, 0, 2], [2, 0, 2], [1, 2, 0]):
        hit = closest_points(queries, verts, np.array([face]))
        assert np.allclose(hit.distance, [1, 2, 3, 3]), face
    assert np.allclose(closest_points(queries, verts, np.array([[1, 1, 1]])).points, [1, 0, 0])


def test_closest_points_on_a_head_are_on_it() -> None:
    assets = load_open_head()
    verts, faces = assets.v_template.double(), assets.faces
    generator = np.random.default_rng(0)
    face = generator.integers(len(faces), size=500)
    weights = generator.dirichlet(np.ones(3), size=500)
    points = (verts.numpy()[faces.numpy()[face]] * weights[..., None]).sum(1)
    assert closest_points(points, verts.numpy(), faces.numpy()).distance.max() < 1e-12
    # Half a millimetre off, along the normal: at most that far, and nearer only where the surface folds back.
    normals = face_normals(verts, faces).numpy()[face]
    distance = closest_points(points + 5e-4 * normals, verts.numpy(), faces.numpy()).distance
    assert distance.max() <= 5e-4 + 1e-12
    assert np.mean(distance > 4.9e-4) > 0.9


def test_a_tree_is_searched_again_and_again_and_agrees_with_trimesh() -> None:
    generator = np.random.default_rng(3)
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.1)
    verts = np.asarray(ball.vertices) + generator.normal(0, 0.01, (len(ball.vertices), 3))
    faces = np.asarray(ball.faces)
    tree = SurfaceTree.of(verts, faces)
    reference = trimesh.Trimesh(verts, faces, process=False)
    for scale in (0.02, 0.1, 0.3):
        queries = scale * generator.normal(size=(150, 3))
        hit, again = tree.closest(queries), closest_points(queries, verts, faces)
        points, distance, _ = trimesh.proximity.closest_point_naive(reference, queries)
        assert np.abs(hit.distance - distance).max() < 1e-6
        assert np.abs(hit.points - points).max() < 1e-6
        assert np.array_equal(hit.points, again.points)
        on_face = trimesh.triangles.closest_point(verts[faces[hit.face_index]], queries)
        assert np.abs(on_face - hit.points).max() < 1e-9  # the face named is a face of the mesh as given


def test_closest_points_refuses_holes_in_the_data() -> None:
    triangle = np.eye(3)
    with pytest.raises(ValueError, match="no faces"):
        closest_points(triangle, triangle, np.zeros((0, 3), np.int64))
    with pytest.raises(ValueError, match="finite"):
        closest_points(triangle * np.nan, triangle, np.array([[0, 1, 2]]))
    assert len(closest_points(np.zeros((0, 3)), triangle, np.array([[0, 1, 2]])).distance) == 0


def test_mirrored_twice_is_the_same_head() -> None:
    assets = load_open_head()
    assert assets.mirror is not None
    face = assets.v_template + assets.shapedirs @ torch.randn(
        assets.n_shape, generator=torch.Generator().manual_seed(0)
    )
    flipped = mirrored(face, assets.mirror)
    assert torch.equal(mirrored(flipped, assets.mirror), face)
    assert (mirrored(assets.v_template, assets.mirror) - assets.v_template).abs().max() < 1e-4
    assert (flipped - face).abs().max() > 1e-4  # a random face is not symmetric
    left, right = assets.region("left_eye"), assets.region("right_eye")
    assert torch.allclose(flipped[left].mean(0), face[right].mean(0) * torch.tensor([-1.0, 1, 1]), atol=1e-6)
