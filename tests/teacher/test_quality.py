from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.config import ObserveConfig, QualityConfig
from shared.flame.model import FlameModel
from shared.geometry.camera import Camera
from shared.geometry.rotation import axis_angle_to_matrix
from shared.images.decode import Frame
from shared.quality.measures import PosedHead
from shared.quality.metrics import HeadMetrics
from teacher.evidence.records import FitResult, MapCheck
from teacher.observation.face import ObservedFace, batch_evidence, focal_of, observe
from teacher.prior.map_quality.checks import MapWarning
from teacher.quality.gate import FitVerdict, judge
from tests.teacher.fakes import FakeDetector, FakeFitter
from tests.tiny_head import tiny_head

SIZE = (480, 640)
JOINTS = torch.tensor([[0, 0, 0], [0, 0, 0], [0, 0, 0], [0.03, 0.05, 0.08], [-0.03, 0.05, 0.08]]) + torch.tensor(
    [0, 0, -0.6]
)


def a_face(size: tuple[int, int] = SIZE, config: ObserveConfig | None = None) -> ObservedFace:
    frame = Frame(np.full((*size, 3), 99, np.uint8), "a.jpg", "a.jpg")
    return observe(frame, FakeDetector(), config or ObserveConfig())[0]


def a_result(face: ObservedFace) -> FitResult:
    return FakeFitter(FlameModel(tiny_head())).fit(batch_evidence([face]))[0]


MODEL = FlameModel(tiny_head())
METRICS = HeadMetrics.of(MODEL)


def verdict(
    change: Callable[[FitResult], FitResult] = lambda r: r,
    face: ObservedFace | None = None,
    head: PosedHead | None = None,
    check: MapCheck | None = None,
) -> FitVerdict:
    face = face or a_face()
    head = head or PosedHead(MODEL.v_template, JOINTS)
    return judge(face, change(a_result(face)), head, METRICS, QualityConfig(), check)


def test_a_good_fit_passes() -> None:
    good = verdict()
    assert good.failures == ()
    assert 0.5 < good.quality <= 1
    assert good.measures.distance_m == pytest.approx(0.52)
    assert good.measures.eye_distance_px == pytest.approx(0.2 * SIZE[1], rel=1e-4)


def with_shape(result: FitResult, shape: Tensor) -> FitResult:
    return replace(result, params=replace(result.params, shape=shape))


CASES: dict[str, Callable[[FitResult], FitResult]] = {
    "landmark error": lambda r: replace(r, landmark_error=torch.tensor(0.2)),
    "identity drift": lambda r: with_shape(
        r, 3.9 * torch.nn.functional.normalize(METRICS.leakage.imitation[-1], dim=0)
    ),
    "eye distance": lambda r: replace(r, eye_distance_m=torch.tensor(0.042)),
    "not converged": lambda r: replace(r, converged=torch.tensor(False)),
    "jaw": lambda r: replace(r, params=replace(r.params, jaw=torch.tensor([0.9, 0.0, 0.0]))),
    "flipped face": lambda r: replace(r, params=replace(r.params, global_rot=torch.tensor([0.0, 3.0, 0.0]))),
    "neck": lambda r: replace(r, params=replace(r.params, neck=torch.tensor([0.0, 1.4, 0.0]))),
}


@pytest.mark.parametrize("name", CASES)
def test_each_check_fails_by_its_name_alone(name: str) -> None:
    bad = verdict(CASES[name])
    assert [failure.name for failure in bad.failures] == [name]
    assert bad.quality == 0
    assert bad.failures[0].reason


def test_codes_that_no_head_has_are_out_of_prior() -> None:
    cases: list[Callable[[FitResult], FitResult]] = [
        lambda r: with_shape(r, torch.full((7,), 2.5)),
        lambda r: replace(r, params=replace(r.params, expression=torch.full((5,), 3.5))),
        lambda r: with_shape(r, r.params.shape + 7 * torch.eye(7)[1]),
    ]
    words = ("shape codes of 2.50", "expression codes of 3.50", "a code of 7.0")
    for change, reason in zip(cases, words, strict=True):
        found = {failure.name: failure.reason for failure in verdict(change).failures}
        assert reason in found["out of prior"]


def test_a_mesh_that_is_no_head_any_more_has_exploded() -> None:
    spread = torch.randn(MODEL.v_template.shape, generator=torch.Generator().manual_seed(0))
    for verts in (MODEL.v_template + 0.2 * spread, MODEL.v_template * float("nan")):
        assert [f.name for f in verdict(head=PosedHead(verts, JOINTS)).failures] == ["mesh explosion"]


def test_what_the_maps_lack_is_named() -> None:
    good = MapCheck((), 0.4, (0.0, 0.001, 0.02))
    assert verdict(check=good).failures == ()
    warning = MapWarning("patch artefacts", "the network's grid shows in UV: 0.0042")
    for check, name in (
        (replace(good, found=0.02), "little seen"),
        (replace(good, uv_distance=(0.0, 0.02, 0.03)), "patch artefacts"),
        (replace(good, warnings=(warning,)), "patch artefacts"),
    ):
        bad = verdict(check=check)
        assert ([failure.name for failure in bad.failures], bad.quality) == ([name], 0)


@pytest.mark.parametrize("name", ["landmark error", "eye distance"])
def test_nan_fails(name: str) -> None:
    nan = torch.tensor(float("nan"))
    change = {"landmark error": "landmark_error", "eye distance": "eye_distance_m"}[name]
    bad = verdict(lambda r: replace(r, **{change: nan}))
    assert [failure.name for failure in bad.failures] == [name]


def test_parameters_that_are_not_finite_fail() -> None:
    bad = verdict(lambda r: replace(r, params=replace(r.params, shape=r.params.shape * float("inf"))))
    assert "not finite" in [failure.name for failure in bad.failures]


def test_small_faces_and_faces_off_the_picture_fail() -> None:
    assert [f.name for f in verdict(face=a_face((60, 80))).failures] == ["face too small"]
    face = a_face()
    moved = replace(face, landmarks_px=face.landmarks_px + torch.tensor([300.0, 0.0]))
    assert [f.name for f in verdict(face=moved).failures] == ["outside the picture"]


@pytest.mark.parametrize(("depth", "words"), [(0.3, "behind"), (-0.15, "7 cm before")])
def test_heads_behind_and_too_near_fail(depth: float, words: str) -> None:
    face = a_face()
    joints = JOINTS + torch.tensor([0.0, 0.0, 0.6 + depth])
    bad = verdict(face=face, head=PosedHead(MODEL.v_template, joints))
    assert [failure.name for failure in bad.failures] == ["distance"]
    assert words in bad.failures[0].reason


def test_yaw_is_positive_towards_the_subjects_left() -> None:
    turned = verdict(lambda r: replace(r, params=replace(r.params, global_rot=torch.tensor([0.0, 0.5, 0.0]))))
    assert turned.measures.yaw_deg == pytest.approx(np.degrees(0.5), abs=1e-3)


def test_the_unit_of_landmarks_does_not_shrink_as_the_head_turns() -> None:
    """In the picture the eye corners come together, and the same pixels would be a larger share of their distance."""
    middle = torch.tensor([0.0, 0.0, -0.6])
    for degrees in (0, 40, 80):
        turn = axis_angle_to_matrix(torch.tensor([0.0, np.radians(degrees), 0.3], dtype=torch.float32))
        unit = (turn[:2, 0]).norm()  # of the line through the eyes, in the picture
        head = PosedHead(MODEL.v_template, (JOINTS - middle) @ turn.T + middle)
        for error, names in ((0.055, []), (0.065, ["landmark error"])):
            found = verdict(lambda r, e=error / unit: replace(r, landmark_error=e), head=head)
            assert found.measures.landmark_error == pytest.approx(error, rel=1e-3)
            assert [failure.name for failure in found.failures] == names


def test_the_score_falls_towards_a_limit() -> None:
    errors = [0.01, 0.03, 0.05, 0.0595]
    scores = [verdict(lambda r, e=e: replace(r, landmark_error=torch.tensor(e))).quality for e in errors]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.02


def test_focal_length_given_exif_assumed() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    plain, exif = Frame(image, "a", "a"), Frame(image, "a", "a", focal_35mm=28.0)
    assert focal_of(plain, ObserveConfig(fov_deg=90)) == (pytest.approx(320), "assumed")
    focal, source = focal_of(exif, ObserveConfig())
    assert (focal, source) == (pytest.approx(28 / 43.2666 * 800, rel=1e-4), "exif")
    assert focal_of(exif, ObserveConfig(focal_35mm=56.0)) == (pytest.approx(2 * focal), "given")
    assert focal_of(exif, ObserveConfig(focal_35mm=56.0, focal_px=700.0)) == (700.0, "given")


def test_evidence_is_the_picture_seen_through_the_crop() -> None:
    face = a_face()
    evidence = batch_evidence([face])
    points = torch.tensor([[0.01, 0.02, -0.5], [-0.05, 0.0, -0.7]])
    full: Camera = face.camera
    assert torch.allclose(evidence.camera[0].project(points), face.crop.apply(full.project(points)), atol=1e-2)
    assert torch.allclose(face.crop.invert(evidence.landmarks_px[0]), face.landmarks_px, atol=1e-2)
    assert face.crop_image.shape == (512, 512, 3)
