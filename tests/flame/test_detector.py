"""The committed calibration of the detector fits the head it was made for."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.flame.assets import load_flame
from shared.flame.detector import DetectorModel
from shared.flame.landmarks import FACE_OVAL, LEFT_IRIS, N_MEDIAPIPE, RIGHT_IRIS, mirror_partners
from shared.flame.model import FlameModel
from shared.flame.schema import FlameAssets


@pytest.fixture(scope="module")
def assets() -> FlameAssets:
    return load_flame()


def test_calibration_is_symmetric_and_small(assets: FlameAssets) -> None:
    detector = DetectorModel.of(assets, torch.arange(N_MEDIAPIPE))
    assert detector.offset_m.shape == (N_MEDIAPIPE, 3)
    mirror = torch.tensor([-1.0, 1.0, 1.0])
    model = FlameModel(assets)
    opened = model(replace(model.neutral_params(), jaw=torch.tensor([0.3, 0.0, 0.0]))).verts_m
    partner = mirror_partners(assets.landmarks["mediapipe"].positions(opened, assets.faces))
    assert (partner[partner] == torch.arange(N_MEDIAPIPE)).all()
    torch.testing.assert_close(detector.offset_m[partner] * mirror, detector.offset_m, atol=2e-5, rtol=0)
    torch.testing.assert_close(detector.relative_std[partner], detector.relative_std, atol=2e-3, rtol=0)
    assert detector.offset_m.norm(dim=1).max() < 0.015
    assert detector.relative_std.mean() == pytest.approx(1, abs=1e-3)


def test_irises_are_surer_than_the_silhouette(assets: FlameAssets) -> None:
    detector = DetectorModel.of(assets, torch.arange(N_MEDIAPIPE))
    irises = detector.relative_std[list(LEFT_IRIS + RIGHT_IRIS)].mean()
    assert 2 * irises < detector.relative_std[list(FACE_OVAL)].mean()


def test_rows_follow_the_landmarks_asked_for(assets: FlameAssets) -> None:
    whole = DetectorModel.of(assets, torch.arange(N_MEDIAPIPE))
    some = DetectorModel.of(assets, torch.tensor([33, 4, 263]))
    torch.testing.assert_close(some.offset_m, whole.offset_m[[33, 4, 263]])


def test_another_head_gets_no_offsets(assets: FlameAssets) -> None:
    detector = DetectorModel.of(replace(assets, v_template=1.01 * assets.v_template), torch.arange(105))
    assert not detector.offset_m.any()
    assert (detector.relative_std == 1).all()
