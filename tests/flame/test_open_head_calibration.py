"""Measuring where people lie in the open head's coefficients, and putting the head there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.flame.errors import FlameFileError
from shared.flame.open_head.basis_id import basis_id
from shared.flame.open_head.calibrate import TRANSFORM_STEP, unit_variance_transform
from shared.flame.open_head.calibration.gaussian import Gaussian
from shared.flame.open_head.calibration.head_surface import HeadSurface
from shared.flame.open_head.calibration.moments import PRIOR_PEOPLE, estimate_covariance
from shared.flame.open_head.calibration.people import ScanModel, sphere
from shared.flame.open_head.calibration.run import calibrate_people
from shared.flame.open_head.calibration.surface_fit import Evidence
from shared.flame.open_head.calibration.visibility import visible
from shared.flame.open_head.identity_record import Calibration
from shared.flame.open_head.shape import parity
from shared.flame.open_head_file import load_open_head
from shared.flame.schema import FlameAssets

MM = 1e-3
KEPT = 8  # coefficients of the small heads here


@pytest.fixture(scope="module")
def base() -> FlameAssets:
    return load_open_head()


@pytest.fixture(scope="module")
def small(base: FlameAssets) -> FlameAssets:
    """The open head with its first directions alone."""
    return replace(base, shapedirs=base.shapedirs[..., :KEPT].contiguous())


def random_covariance(rng: np.random.Generator, count: int) -> np.ndarray:
    root = rng.standard_normal((count, count)) / np.sqrt(count)
    return root @ root.T + 0.2 * np.eye(count)


def scans_of(head: FlameAssets, people: Gaussian) -> ScanModel:
    """A scan model whose people are heads of the open head, of a known distribution. Landmarks are further vertices."""
    surface = HeadSurface(head)
    faces = head.faces.numpy()
    count = len(surface.template)

    def with_landmarks(verts: np.ndarray) -> np.ndarray:
        return np.concatenate([verts, surface.landmarks @ verts])

    factor = np.linalg.cholesky(people.covariance)
    moves = (surface.directions @ factor).reshape(count, 3, -1)
    skin = np.flatnonzero(surface.region == 0)
    left, right = (np.flatnonzero(head.region(f"{side}_eye").numpy()) for side in ("left", "right"))
    return ScanModel(
        mean_m=with_landmarks(surface.positions(people.mean)),
        components_m=np.stack([with_landmarks(moves[..., k]) for k in range(moves.shape[2])]).astype(np.float32),
        faces=surface.faces,
        all_faces=faces,
        face_skin=skin,
        skull_skin=np.setdiff1d(np.unique(surface.faces), skin),
        eyeballs=(left, right),
        ibug68=count + np.arange(68),
        ear_ends=surface.ear_ends,
    )


@pytest.mark.slow
def test_known_people_are_recovered(small: FlameAssets) -> None:
    """From surfaces alone: the mean within a tenth of a deviation, the covariance that of the people drawn."""
    rng = np.random.default_rng(0)
    side = parity(small.shapedirs.numpy(), small.mirror.numpy())  # type: ignore[union-attr]
    mean = np.where(side > 0, 1.5 * rng.standard_normal(KEPT), 0.0)
    covariance = np.where(np.outer(side, side) > 0, random_covariance(rng, KEPT), 0.0)
    people = 40
    model = scans_of(small, Gaussian(mean, covariance))
    found = calibrate_people(small, model, people, seed=3)
    np.testing.assert_allclose(found.mean, mean, atol=0.1)
    drawn = np.random.default_rng(3).standard_normal((people, KEPT)) @ np.linalg.cholesky(covariance).T
    sample = np.cov(drawn.T, bias=True)
    sample = (sample + np.outer(side, side) * sample) / 2
    share = people / (people + PRIOR_PEOPLE)
    np.testing.assert_allclose(found.covariance, share * sample + (1 - share) * np.eye(KEPT), atol=0.06)
    assert np.abs(found.eye_shift_m).max() < 0.3 * MM  # the scans' eyes are where ours are
    few = [calibrate_people(small, model, 4, seed=3).covariance for _ in range(2)]
    np.testing.assert_array_equal(*few)


def test_weak_evidence_does_not_shrink_the_covariance() -> None:
    """Each person is seen through noise as large as the spread; the third coefficient not at all."""
    rng = np.random.default_rng(1)
    truth = Gaussian(np.array([1.0, -2.0, 0.0]), np.array([[2.0, 0.8, 0], [0.8, 1.0, 0], [0, 0, 1.0]]))
    noise = np.array([1.0, 1.0])
    evidence = []
    for person in rng.multivariate_normal(truth.mean, truth.covariance, 3000):
        seen = person[:2] + noise * rng.standard_normal(2)
        evidence.append(Evidence(np.diag([*noise**-2, 0.0]), np.append(seen / noise**2, 0.0)))
    found = estimate_covariance(evidence, Gaussian.around(truth.mean), np.ones(3), np.eye(3))
    np.testing.assert_allclose(found.covariance, truth.covariance, atol=0.15)


def test_transform_has_the_covariance_and_orthogonal_sided_directions() -> None:
    rng = np.random.default_rng(2)
    mirror = np.array([1, 0, 3, 2, 4, 5])
    flip = np.array([-1.0, 1, 1])[:, None]
    raw = rng.standard_normal((6, 3, 8))
    odd_or_even = np.concatenate(
        [raw[..., :4] + raw[mirror][..., :4] * flip, raw[..., 4:] - raw[mirror][..., 4:] * flip], 2
    )
    side = parity(odd_or_even, mirror)
    covariance = np.where(np.outer(side, side) > 0, random_covariance(rng, 8), 0)
    weight = rng.uniform(0.2, 1, 6)
    weight = (weight + weight[mirror]) / 2
    transform = unit_variance_transform(odd_or_even, covariance, weight, mirror)
    np.testing.assert_allclose(transform @ transform.T, covariance, atol=1e-4)
    directions = odd_or_even @ transform
    flat = directions.reshape(-1, 8)
    gram: np.ndarray = flat.T @ (flat * np.repeat(weight, 3)[:, None])
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-3 * gram.max())
    assert np.diff(np.diag(gram)).max() <= 1e-6
    np.testing.assert_allclose(np.abs(parity(directions, mirror)), 1)
    np.testing.assert_array_equal(transform % TRANSFORM_STEP, 0)


def test_nothing_inside_is_visible(base: FlameAssets) -> None:
    seen = visible(base.v_template.double().numpy(), base.faces.numpy())
    inside = (base.region("sockets") | base.region("tongue") | base.region("teeth")).numpy()
    assert seen[base.region("face").numpy()].mean() > 0.8
    assert seen[inside].mean() < 0.1


def test_sphere_through_points() -> None:
    points = np.array([1.0, 2.0, 3.0]) + 0.5 * np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    centre, radius = sphere(np.concatenate([points, 2 * np.array([1.0, 2.0, 3.0]) - points]))
    np.testing.assert_allclose(centre, [1, 2, 3])
    assert radius == pytest.approx(0.5)


def test_calibration_file(tmp_path: Path, base: FlameAssets) -> None:
    calibration = Calibration(basis_id(base), np.ones(3), 2 * np.eye(3), np.zeros((3, 3)), {"people": 4})
    again = Calibration.read(calibration.write(tmp_path / "c.safetensors"))
    np.testing.assert_array_equal(again.covariance, calibration.covariance)
    assert (again.basis_id, again.made) == (basis_id(base), {"people": 4})
    with pytest.raises(FlameFileError, match="does not exist"):
        Calibration.read(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no")
    with pytest.raises(FlameFileError, match="no calibration"):
        Calibration.read(tmp_path / "text.safetensors")


def test_wrong_scan_files(tmp_path: Path) -> None:
    with pytest.raises(FlameFileError, match="does not exist"):
        ScanModel.read(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", neutral_mm=np.zeros((3, 3)))
    with pytest.raises(FlameFileError, match="has no identity_mm"):
        ScanModel.read(tmp_path / "other.npz")


def test_the_basis_is_the_mean_and_the_directions(base: FlameAssets) -> None:
    mine = basis_id(base)
    assert basis_id(replace(base, shapedirs=base.shapedirs + 0.0, expressiondirs=2 * base.expressiondirs)) == mine
    zeros = replace(base, shapedirs=torch.where(base.shapedirs == 0, -0.0, base.shapedirs))
    assert basis_id(zeros) == mine
    assert basis_id(replace(base, shapedirs=base.shapedirs * 1.001)) != mine
    assert basis_id(replace(base, v_template=base.v_template + 1e-5)) != mine
