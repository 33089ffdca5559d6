"""The landmark fit as a method of the evaluation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from shared.evaluate.methods import find_method
from shared.evaluate.protocol import Method, Picture
from shared.evaluate.score import inner_landmark_error
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.runs.errors import UserError
from shared.synthetic.heads import HeadPainter, HeadRanges, RenderedHead
from teacher import methods
from teacher.config import FitRunConfig
from teacher.pipeline.records import UnfittedFace


@pytest.fixture(scope="module")
def method() -> Method:
    return find_method("landmarks")()


@pytest.fixture(scope="module")
def head() -> RenderedHead:
    # A short lens, so that a wrong focal length shows.
    ranges = HeadRanges(yaw=0.4, focal_35mm=(28.0, 28.0), face_share=(0.55, 0.55))
    return HeadPainter(FlameModel(load_flame()), ranges)(3, 1)


def test_a_known_camera_puts_the_head_where_it_is(method: Method, head: RenderedHead) -> None:
    found = method(Picture("x", head.image, head.camera))
    assert found is not None
    off_m = (found.posed.verts_m - head.verts_m).norm(dim=1).mean()
    assert off_m < 0.11 * head.verts_m[:, 2].abs().mean()
    error = inner_landmark_error(found.landmarks_px, head.landmarks_px)
    assert error is not None
    assert error < 4
    assert found.neutral is not None
    assert found.neutral.verts_m.mean(0).norm() < 0.1  # in its own frame, without the pose
    guessed = method(Picture("x", head.image, None))
    assert guessed is not None
    far = guessed.posed.verts_m[:, 2].mean() / head.verts_m[:, 2].mean()
    assert far > 1.3  # the assumed lens is longer, so the head seems farther away


def test_the_principal_point_of_the_camera_is_used(method: Method, head: RenderedHead) -> None:
    """The same light on a larger, off-centre sensor is the same head."""
    wide = np.zeros((640, 700, 3), np.uint8)
    wide[100:612, 150:662] = head.image
    shift = torch.tensor([[1.0, 0.0, 150.0], [0.0, 1.0, 100.0]])
    camera = head.camera.warped(shift, (640, 700))
    here, there = method(Picture("x", head.image, head.camera)), method(Picture("x", wide, camera))
    assert here is not None
    assert there is not None
    assert (here.posed.verts_m - there.posed.verts_m).norm(dim=1).mean() < 4e-3


def test_no_face_and_a_fit_that_breaks(method: Method, head: RenderedHead, monkeypatch: pytest.MonkeyPatch) -> None:
    assert method(Picture("x", np.zeros((200, 200, 3), np.uint8), None)) is None
    monkeypatch.setattr(methods, "fit_faces", lambda faces, *rest: [UnfittedFace(faces[0])])
    with pytest.raises(methods.BrokenFitError, match="could not work"):
        method(Picture("x", head.image, None))


def test_options_of_the_fit_are_checked() -> None:
    config = methods.fit_options("prior=none", "head.pkl", ["fit.landmark_noise=0.03", "identity=none"])
    assert (config.prior, config.identity, config.flame, config.fit.landmark_noise) == (
        "none",
        "none",
        "head.pkl",
        0.03,
    )
    assert methods.fit_options("prior=auto", None, []) == FitRunConfig()
    with pytest.raises(UserError, match=r"method_options: unknown option 'fit.landmark_sd'; did you mean"):
        methods.fit_options("prior=none", None, ["fit.landmark_sd=0.03"])
    with pytest.raises(UserError, match=r"fit.landmark_noise=much: expected a number"):
        methods.fit_options("prior=none", None, ["fit.landmark_noise=much"])
