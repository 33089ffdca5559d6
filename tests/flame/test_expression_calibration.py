"""Measuring face units: mends, motion and moments that are known come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from shared.flame.assets import load_flame
from shared.flame.open_head.expression import mirrored_name
from shared.flame.open_head.expression_calibration.activations import draw_activations
from shared.flame.open_head.expression_calibration.carried import HeadParts, runs
from shared.flame.open_head.expression_calibration.mend_fit import FLIP, MendFitter, mirrored_mend, used_controls
from shared.flame.open_head.expression_calibration.moment_fit import (
    FaceMotion,
    MotionFitter,
    share_blinks,
)
from shared.flame.open_head.expression_record import (
    ExpressionCalibration,
    read_calibration,
    write_calibration,
)
from shared.flame.open_head.mended_units import mended_units
from shared.flame.open_head.unit_controls import SIDES, Controls, UnitSculpts
from shared.flame.schema import FlameAssets

NAMES = ("eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight", "mouthPucker", "jawForward")


@pytest.fixture(scope="module")
def head() -> FlameAssets:
    return load_flame()


@pytest.fixture(scope="module")
def sculpts(head: FlameAssets) -> UnitSculpts:
    """Six units of the packaged head."""
    assert head.arkit is not None
    assert head.mirror is not None
    columns = [head.arkit.names.index(name) for name in NAMES]
    motion = (head.expressiondirs @ head.arkit.expression[:, columns]).double().numpy()
    mirror = head.mirror.numpy()
    offsets = {name: motion[..., i] for i, name in enumerate(NAMES)}
    even = {name: (x + offsets[mirrored_name(name)][mirror] * FLIP) / 2 for name, x in offsets.items()}
    soft = ~(head.region("teeth") | head.region("tongue") | head.region("eyes")).numpy()
    return UnitSculpts(head.v_template.double().numpy(), even, head.lbs_weights[:, 2].double().numpy(), soft, mirror)


def controls_at(sculpts: UnitSculpts, head: FlameAssets) -> Controls:
    """A few on the left cheek and lips, and their partners."""
    left = np.flatnonzero(head.region("face").numpy() & (sculpts.template[:, 0] > 0.02))[::150]
    vertex = np.concatenate([left, sculpts.mirror[left]])
    return Controls(vertex, np.full(len(vertex), 0.03), np.zeros(len(vertex), int))


def test_controls_fade_and_keep_to_their_side(sculpts: UnitSculpts, head: FlameAssets) -> None:
    corner = int(head.region("lips").numpy().nonzero()[0][0])
    controls = Controls(np.full(len(SIDES), corner), np.full(len(SIDES), 0.02), np.arange(len(SIDES)))
    influence = controls.influence(sculpts)
    away = np.linalg.norm(sculpts.template - sculpts.template[corner], axis=1)
    assert influence[0, corner] == pytest.approx(1)
    assert (influence[:, away > 0.02] == 0).all()
    assert (influence[:, ~sculpts.soft] == 0).all()
    lower, upper = influence[SIDES.index("lower_lip")], influence[SIDES.index("upper_lip")]
    np.testing.assert_allclose(lower + upper, influence[0], atol=1e-12)
    with pytest.raises(ValueError, match="unknown side"):
        sculpts.side("chin")


def test_a_known_mend_is_found(sculpts: UnitSculpts, head: FlameAssets) -> None:
    controls = controls_at(sculpts, head)
    vector = np.array([1e-3, -2e-3, 3e-3])
    influence = controls.influence(sculpts)
    widest = int(influence[: len(influence) // 2].sum(1).argmax())  # one that moves little is not worth a term
    wanted = 0.6 * sculpts.offsets["mouthSmileLeft"] + np.outer(influence[widest], vector)
    fitter = MendFitter(sculpts, controls, head.region("face").numpy().astype(float))
    mend = fitter.fit("mouthSmileLeft", wanted)
    assert mend.mix[NAMES.index("mouthSmileLeft")] == pytest.approx(0.6, abs=0.05)
    np.testing.assert_allclose(mend.vectors_m[widest], vector, atol=3e-4)

    # The other side's is its mirror image, and unused controls can go.
    other = mirrored_mend(sculpts, controls, mend)
    kept, (left, right) = used_controls(controls, [mend, other])
    assert len(kept.vertex) <= len(controls.vertex)
    calibration = ExpressionCalibration(
        NAMES,
        ("mouthSmileLeft", "mouthSmileRight"),
        np.stack([left.mix, right.mix], 1),
        kept,
        np.stack([left.vectors_m, right.vectors_m], 1),
        np.eye(len(NAMES) + 5),
    )
    units = mended_units(sculpts, calibration)
    face = head.region("face").numpy()
    assert np.abs((units["mouthSmileLeft"] - wanted)[face]).max() < 5e-4
    flipped = units["mouthSmileLeft"][sculpts.mirror] * FLIP
    np.testing.assert_allclose(units["mouthSmileRight"], flipped, atol=1e-9)
    np.testing.assert_array_equal(units["mouthPucker"], sculpts.offsets["mouthPucker"])


def test_known_activations_and_jaw_are_found(sculpts: UnitSculpts, head: FlameAssets) -> None:
    fitter = MotionFitter(head, HeadParts(head), np.stack(list(sculpts.offsets.values())))
    truth = np.array([0.2, 0.9, 0.5, 0.1, 0.4, 0.0, 0.25, 0.02, -0.01])
    neutral = sculpts.template
    rows, moved = fitter.predicted(neutral, truth)
    motion = np.zeros_like(neutral)
    motion[rows] = moved - neutral[rows]
    face = FaceMotion(neutral, motion, np.ones(len(neutral), bool))
    found, covariance = fitter.fit(face, np.diag(np.square([0.5] * 6 + [0.4, 0.1, 0.1])))
    np.testing.assert_allclose(found, truth, atol=0.02)
    assert (np.linalg.eigvalsh(covariance) > 0).all()


def test_half_of_a_blink_is_the_eyelids() -> None:
    root = np.random.default_rng(0).standard_normal((9, 9))
    moment = root @ root.T
    shared = share_blinks(moment, (0, 1))
    together = np.concatenate([np.eye(9), np.zeros((9, 2))], 1)
    together[0, 9] = together[1, 10] = 1  # units and lids add up
    np.testing.assert_allclose(together @ shared @ together.T, moment, atol=1e-9)
    np.testing.assert_allclose(shared[0, 0], shared[9, 9])
    np.testing.assert_allclose(shared[0, 9], 0, atol=1e-12)
    assert np.linalg.eigvalsh(shared)[0] > 0


def test_drawn_faces(head: FlameAssets) -> None:
    assert head.arkit is not None
    names, rng = head.arkit.names, np.random.default_rng(0)
    drawn = np.stack([draw_activations(names, rng) for _ in range(2000)])
    assert 0 <= drawn.min() <= drawn.max() <= 1.1
    mean = dict(zip(names, drawn.mean(0).tolist(), strict=True))
    for name in names:
        if name.endswith("Left"):
            assert mean[name] == pytest.approx(mean[mirrored_name(name)], abs=0.03), name
    used = (drawn > 0.4).mean(0)
    assert all(used[names.index(name)] > 0.01 for name in names if name not in ("tongueOut", "mouthClose"))


def test_calibration_file(tmp_path: Path) -> None:
    packaged = read_calibration()
    path = tmp_path / "again.safetensors"
    write_calibration(path, packaged, "test")
    again = read_calibration(path)
    assert again.unit_names == packaged.unit_names
    np.testing.assert_array_equal(again.vectors_m, packaged.vectors_m)
    np.testing.assert_array_equal(again.second_moment, packaged.second_moment)
    save_file({"a": np.zeros(1, np.float32)}, path)
    with pytest.raises(ValueError, match="is no open-head expression"):
        read_calibration(path)


def test_shut_lips_are_told_apart_by_the_jaw(head: FlameAssets) -> None:
    """The two runs lie on one line, so their heights say nothing."""
    parts = HeadParts(head)
    upper, lower = runs(head.v_template.double().numpy(), parts.seam, -parts.jaw_weight)
    assert parts.jaw_weight[upper[2:-2]].max() < 0.5 < parts.jaw_weight[lower[2:-2]].min()
    assert (upper[0], upper[-1]) == (lower[0], lower[-1])
