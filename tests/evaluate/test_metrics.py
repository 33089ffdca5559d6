"""Errors of shapes whose errors are known, and what must not change them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from torch import Tensor

from shared.evaluate import icp
from shared.evaluate.faces import FaceMesh, InvalidFaceError, TrueFace
from shared.evaluate.icp import Surface, refine
from shared.evaluate.metrics import FaceError, aggregate, landmark_error_2d, score_face
from shared.geometry.meshes import Similarity
from shared.geometry.rotation import axis_angle_to_matrix

RADIUS_M = 0.1
IDENTITY = Similarity(torch.eye(3).double(), torch.zeros(3).double(), torch.ones(()).double())


def pose(angle: list[float], shift: list[float]) -> Similarity:
    rotation = axis_angle_to_matrix(torch.tensor(angle).double())
    return Similarity(rotation, torch.tensor(shift).double(), torch.ones(()).double())


FAR = pose([0.4, -2.0, 1.1], [0.3, -1.2, 5.0])


def moved(mesh: FaceMesh, by: Similarity) -> FaceMesh:
    return FaceMesh(by.apply(mesh.verts_m), mesh.faces, by.apply(mesh.landmarks_m))


def landmarks() -> Tensor:
    """Seven points with no symmetry, so that one alignment is the right one."""
    return 0.1 * torch.randn(7, 3, generator=torch.Generator().manual_seed(5)).double()


def sphere(radius: float) -> tuple[FaceMesh, TrueFace]:
    """A fine sphere, and its vertices as true points."""
    ball = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    verts = torch.from_numpy(np.array(ball.vertices))
    mesh = FaceMesh(verts, torch.from_numpy(np.array(ball.faces)), landmarks())
    return mesh, TrueFace(verts, verts, landmarks())


def plane(z: float) -> FaceMesh:
    verts = torch.tensor([[-1.0, -1, z], [1, -1, z], [1, 1, z], [-1, 1, z]]).double()
    return FaceMesh(verts, torch.tensor([[0, 1, 2], [0, 2, 3]]), landmarks())


def above_the_plane(heights_m: Tensor) -> TrueFace:
    n = len(heights_m)
    xy = 0.1 * torch.randn(n, 2, generator=torch.Generator().manual_seed(0)).double()
    normals = torch.tensor([0.0, 0, 1]).double().expand(n, 3)
    return TrueFace(torch.cat([xy, heights_m[:, None]], 1), normals, landmarks())


def bumpy_face() -> tuple[FaceMesh, TrueFace]:
    """A surface like a face: smooth, curved everywhere, held by its shape alone; and points on it."""
    x, y = np.meshgrid(np.linspace(-0.08, 0.08, 41), np.linspace(-0.1, 0.1, 51))

    def height(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        bump = 0.03 * np.exp(-(x**2 + y**2) / 0.02**2) + 0.01 * np.sin(40 * x + 25 * y)
        return 0.05 * np.cos(12 * x) * np.cos(9 * y) + bump

    grid = np.arange(x.size).reshape(x.shape)
    a, b, c, d = grid[:-1, :-1].ravel(), grid[:-1, 1:].ravel(), grid[1:, 1:].ravel(), grid[1:, :-1].ravel()
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    verts = np.stack([x.ravel(), y.ravel(), height(x, y).ravel()], 1)
    inside = faces[(np.abs(verts[faces].mean(1)[:, :2]) < [0.06, 0.08]).all(1)]
    points, normals = verts[inside].mean(1), np.cross(*(verts[inside[:, k]] - verts[inside[:, 0]] for k in (1, 2)))
    rows = np.linspace(5, len(verts) - 20, 7).astype(int) + np.arange(7) * 3
    marks = torch.from_numpy(verts[rows])
    truth = TrueFace(torch.from_numpy(points), torch.from_numpy(normals), marks)
    return FaceMesh(torch.from_numpy(verts), torch.from_numpy(faces), marks), truth


def test_a_sphere_a_millimetre_larger() -> None:
    _, truth = sphere(RADIUS_M)
    larger, _ = sphere(RADIUS_M + 0.001)
    error = score_face(truth, larger).by_landmarks
    assert error.l2_mm == pytest.approx(1.0, abs=0.03)  # the facets cut off up to 0.03 mm
    assert error.l1_mm == pytest.approx(1.5, abs=0.04)  # mean of |x| + |y| + |z| over the sphere is 3/2
    assert error.normal_cosine == pytest.approx(1.0, abs=1e-3)
    assert error.recall_2_5 == 1.0
    assert error.distance_mm.shape == (len(truth.points_m),)


def test_a_shifted_plane_and_its_recalls() -> None:
    heights = torch.tensor([0.5, -0.9, 2.4, -2.6, 4.0, 6.0, 9.0, 20.0]).double()
    error = score_face(above_the_plane(1e-3 * heights), plane(0.0)).by_landmarks
    assert torch.allclose(error.distance_mm, heights.abs())
    assert error.l1_mm == pytest.approx(float(heights.abs().mean()))
    assert error.l2_mm == pytest.approx(float(heights.abs().mean()))
    assert (error.recall_1, error.recall_2_5, error.recall_5, error.recall_10) == (2 / 8, 3 / 8, 5 / 8, 7 / 8)
    assert error.normal_cosine == pytest.approx(1.0)


def test_icp_takes_a_shift_away_and_says_so_beside_the_first_figure() -> None:
    score = score_face(above_the_plane(torch.full((50,), 3e-3).double()), plane(0.0))
    assert score.by_landmarks.l2_mm == pytest.approx(3.0)
    assert score.by_icp.l2_mm == pytest.approx(0.0, abs=1e-6)
    # A plane says nothing of sliding along it, so there is none.
    assert torch.allclose(score.by_icp.alignment.translation, torch.tensor([0, 0, 3e-3]).double(), atol=1e-9)


@pytest.mark.parametrize("degrees", [0.0, 30.0, 60.0, 150.0])
def test_normals_at_an_angle(degrees: float) -> None:
    truth = above_the_plane(torch.zeros(20).double())
    tilted = torch.tensor([math.sin(math.radians(degrees)), 0, math.cos(math.radians(degrees))]).double()
    error = score_face(replace(truth, normals=5 * tilted.expand(20, 3)), plane(0.0)).by_landmarks
    assert error.normal_cosine == pytest.approx(abs(math.cos(math.radians(degrees))))


def test_gaussian_noise_gives_its_mean() -> None:
    heights = 2e-3 * torch.randn(20_000, generator=torch.Generator().manual_seed(3)).double()
    error = score_face(above_the_plane(heights), plane(0.0)).by_landmarks
    assert error.l2_mm == pytest.approx(2 * math.sqrt(2 / math.pi), rel=0.02)
    assert error.recall_2_5 == pytest.approx(math.erf(1.25 / math.sqrt(2)), abs=0.01)


def test_a_rotated_copy_is_exact() -> None:
    mesh, truth = bumpy_face()
    score = score_face(truth, moved(mesh, FAR))
    for error in (score.by_landmarks, score.by_icp):
        assert error.l2_mm < 1e-9
        assert error.normal_cosine == pytest.approx(1.0)


def test_the_pose_of_the_prediction_does_not_matter_and_its_shape_does() -> None:
    mesh, truth = bumpy_face()
    noise = 1e-3 * torch.randn(mesh.verts_m.shape, generator=torch.Generator().manual_seed(1)).double()
    wrong = replace(mesh, verts_m=mesh.verts_m + noise)
    here, there = score_face(truth, wrong), score_face(truth, moved(wrong, FAR))
    for a, b in ((here.by_landmarks, there.by_landmarks), (here.by_icp, there.by_icp)):
        assert 0.2 < a.l2_mm < 1.5
        assert a.l1_mm == pytest.approx(b.l1_mm, abs=1e-6)
        # Where the nearest point is on an edge, rounding chooses which of its two triangles gives the normal.
        assert a.normal_cosine == pytest.approx(b.normal_cosine, abs=1e-3)
        assert torch.allclose(a.distance_mm, b.distance_mm, atol=1e-6)


def test_alignment_is_rigid() -> None:
    """A head of the wrong size must not be scaled to the right one."""
    mesh, truth = bumpy_face()
    larger = FaceMesh(1.05 * mesh.verts_m, mesh.faces, 1.05 * mesh.landmarks_m)
    score = score_face(truth, larger)
    assert score.by_landmarks.l2_mm > 0.5
    assert score.by_icp.l2_mm > 0.2  # with a scale it would be 0
    assert float(score.by_icp.alignment.scale) == 1.0


def test_icp_finds_the_pose_that_wrong_landmarks_missed() -> None:
    mesh, truth = bumpy_face()
    for seed in range(3):
        noise = 4e-3 * torch.randn(7, 3, generator=torch.Generator().manual_seed(seed)).double()
        score = score_face(truth, moved(replace(mesh, landmarks_m=mesh.landmarks_m + noise), FAR))
        assert score.by_landmarks.l2_mm > 0.3
        assert score.by_icp.l2_mm < 1e-3


def test_icp_never_makes_the_rms_distance_larger() -> None:
    mesh, truth = bumpy_face()
    generator = torch.Generator().manual_seed(2)
    for _ in range(2):
        rough = mesh.verts_m + 5e-3 * torch.randn(mesh.verts_m.shape, generator=generator).double()
        start = pose((0.2 * torch.randn(3, generator=generator)).tolist(), [0.01, -0.01, 0.02])
        surface = Surface.of(rough, mesh.faces)
        end = refine(truth.points_m, surface, start)
        before, after = (surface.match(truth.points_m, p).rms for p in (start, end))
        assert after < 0.7 * before


def test_icp_refuses_steps_that_do_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh, truth = bumpy_face()
    start = pose([0.05, 0.02, -0.03], [0.001, 0.002, 0.0])
    away = pose([0.0, 0, 0], [0.1, 0.1, 0.1])
    surface = Surface.of(mesh.verts_m, mesh.faces)
    before = surface.match(truth.points_m, start).rms
    monkeypatch.setattr(icp, "_plane_step", lambda current: away)
    by_points = refine(truth.points_m, surface, start)
    assert surface.match(truth.points_m, by_points).rms < 0.8 * before
    monkeypatch.setattr(icp, "_point_step", lambda current: away)
    assert refine(truth.points_m, surface, start) is start


def test_distances_agree_with_trimesh() -> None:
    mesh, truth = bumpy_face()
    noisy = truth.points_m + 5e-3 * torch.randn(truth.points_m.shape, generator=torch.Generator().manual_seed(4))
    error = score_face(replace(truth, points_m=noisy), mesh).by_landmarks
    reference = trimesh.Trimesh(mesh.verts_m.numpy(), mesh.faces.numpy(), process=False)
    few = noisy[::20].numpy()
    nearest = trimesh.proximity.closest_point_naive(reference, few)[0]
    assert np.allclose(error.distance_mm[::20], 1e3 * np.linalg.norm(nearest - few, axis=1), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: replace(m, verts_m=m.verts_m[:0]), "empty"),
        (lambda m: replace(m, faces=m.faces[:0]), "empty"),
        (lambda m: replace(m, verts_m=m.verts_m.index_fill(0, torch.tensor([3]), math.nan)), "1 of .* not finite"),
        (lambda m: replace(m, faces=m.faces + 1), "vertex numbers"),
        (lambda m: replace(m, faces=m.faces - 1), "vertex numbers"),
        (lambda m: replace(m, landmarks_m=m.landmarks_m[:6]), "seven"),
        (lambda m: replace(m, landmarks_m=m.landmarks_m * math.inf), "seven landmarks is not finite"),
        (lambda m: replace(m, landmarks_m=m.landmarks_m * torch.tensor([1.0, 0, 0])), "one line"),
        (lambda m: replace(m, landmarks_m=0 * m.landmarks_m), "one line or in one point"),
    ],
)
def test_unusable_predictions_are_named(change, message: str) -> None:
    mesh, truth = bumpy_face()
    with pytest.raises(InvalidFaceError, match=f"the prediction.*{message}"):
        score_face(truth, change(mesh))


@pytest.mark.parametrize(
    "change",
    [
        lambda t: replace(t, points_m=t.points_m[:0], normals=t.normals[:0]),
        lambda t: replace(t, normals=0 * t.normals),
        lambda t: replace(t, points_m=t.points_m * math.nan),
    ],
)
def test_unusable_truth_is_named(change) -> None:
    mesh, truth = bumpy_face()
    with pytest.raises(InvalidFaceError, match="the truth"):
        score_face(change(truth), mesh)


def error_of(l2_mm: float) -> FaceError:
    return FaceError(1.5 * l2_mm, l2_mm, 0.9, 0.1, 0.2, 0.3, 0.4, torch.full((3,), l2_mm), IDENTITY)


def test_groups_have_their_own_means_and_count_failures() -> None:
    groups = aggregate([error_of(1), error_of(2), None, error_of(9), None], ["a", "a", "a", "a", "b"])
    assert list(groups) == ["a", "b"]
    a, b = groups["a"], groups["b"]
    assert (a.count, a.failed, b.count, b.failed) == (3, 1, 0, 1)
    assert (a.mean["l2_mm"], a.median["l2_mm"], a.mean["l1_mm"]) == (4, 2, 6)
    assert a.mean["recall_2_5"] == pytest.approx(0.2)
    assert set(a.mean) == {"l1_mm", "l2_mm", "normal_cosine", "recall_1", "recall_2_5", "recall_5", "recall_10"}
    assert b.mean == {}
    with pytest.raises(ValueError, match="shorter"):
        aggregate([error_of(1), None], ["a"])


def test_landmark_error_is_in_percent_of_the_eye_distance() -> None:
    truth = torch.zeros(2, 478, 2)
    truth[:, 263, 0] = torch.tensor([100.0, 50.0])
    predicted = truth + torch.tensor([3.0, 4.0])
    assert landmark_error_2d(predicted, truth).tolist() == pytest.approx([5.0, 10.0])
    assert landmark_error_2d(predicted, truth, torch.tensor([200.0, 200.0])).tolist() == pytest.approx([2.5, 2.5])
    with pytest.raises(ValueError, match="positive"):
        landmark_error_2d(predicted, torch.zeros_like(truth))
    with pytest.raises(ValueError, match="finite"):
        landmark_error_2d(predicted * math.nan, truth)
