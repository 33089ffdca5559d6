"""A varied crop and its parameters stay of one piece: turned, moved or mirrored, both show the same head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from shared.flame.params import FlameParams
from shared.flame.segmentation import FACE_PARTS
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.landmarker.blendshapes import BLENDSHAPE_NAMES, blendshape_mirror
from student.config import StudentAugmentConfig, StudentDataConfig, StudentNetworkConfig
from student.data.faces import KnownFace
from student.data.sample import SampleMaker
from student.head.pose import FacePose, SightPose
from student.network.model import HeadLayout
from student.network.records import StudentSample
from tests.student.heads import cameras, landmarks_of, open_head, random_params

NETWORK = StudentNetworkConfig(backbone="mobilenetv4_conv_small_050", pretrained="none", size=96)
STILL = StudentAugmentConfig(roll_deg=0, log_scale=0, shift=0, mirror=0, photometric=0, cover=0, landmark_noise=0)
DATA = StudentDataConfig(landmark_share=1.0, focal_jitter=0.0, blendshape_share=1.0)
UNITS = torch.linspace(0, 1, 52)


def face(anchor_m: torch.Tensor, seed: int = 0) -> KnownFace:
    params, camera = random_params(1, seed), cameras(1)
    marks = landmarks_of(params, camera)[0]
    image = np.zeros((*camera.size, 3), np.uint8)
    for x, y in marks.round().int().tolist():
        image[max(y - 1, 0) : y + 1, max(x - 1, 0) : x + 1] = 255
    pose = FacePose.of(params, camera, open_head(), anchor_m)[0]
    sure = torch.ones(len(FACE_PARTS))
    return KnownFace(image, camera[0], params[0], pose, marks, marks, UNITS, sure, 1.0, 7)


def landmarks_of_target(sample: StudentSample, anchor_m: torch.Tensor) -> torch.Tensor:
    """(478, 2) in the crop, of the head that the target describes."""
    target = sample.target
    camera = Camera.at_origin(target.focal_px[None], (96, 96))
    still = torch.zeros(1, 3)
    unplaced = FlameParams(
        *(value[None] for value in (target.shape, target.expression)), still,
        *(value[None] for value in (target.neck, target.jaw, target.eyes)), still, target.eyelids[None],
    )  # fmt: skip
    pose = SightPose(target.R_sight_face[None], target.anchor_px[None], target.log_scale[None])
    # Any principal point shows the same crop, but for the foreshortening off the line of sight.
    center = target.anchor_px[None]
    camera = replace(camera, center_px=center)
    placed = pose.in_camera(target.focal_px[None], center).placed(unplaced, camera, open_head(), anchor_m)
    return landmarks_of(placed, camera)[0]


@pytest.mark.parametrize(
    "change", [{}, {"roll_deg": 25.0}, {"mirror": 1.0}, {"log_scale": 0.2, "shift": 0.1, "roll_deg": 20, "mirror": 1.0}]
)
def test_the_target_is_the_head_in_the_varied_crop(change: dict[str, float]) -> None:
    model = open_head()
    anchor_m = HeadLayout.of(model, 3e-4).view.anchor_m
    maker = SampleMaker.of(NETWORK, DATA, replace(STILL, **change), model)
    for seed in range(4):
        sample = maker.sample(face(anchor_m, seed), np.random.default_rng(seed), seed)
        shown = sample.input.landmarks_px
        off = (landmarks_of_target(sample, anchor_m) - shown).norm(dim=1)
        assert off.mean() < 0.15, "parts of a pixel: the foreshortening off the line of sight, and mirrored codes"
        assert off.max() < 1.0
        x, y = shown.long().clamp(0, 95).unbind(1)
        inside = ((shown > 1) & (shown < 95)).all(1)
        assert (sample.input.image.sum(0)[y, x][inside] > 0).float().mean() > 0.98, "dots are where landmarks are"


def test_mirrored_twice_is_the_same_sample() -> None:
    model = open_head()
    anchor_m = HeadLayout.of(model, 3e-4).view.anchor_m
    maker = SampleMaker.of(NETWORK, DATA, replace(STILL, mirror=1.0), model)
    once = maker.sample(face(anchor_m), np.random.default_rng(0), 0)
    assert once.target.person == ~torch.tensor(7)
    codes = maker.codes_in_mirror
    assert codes is not None
    assert torch.allclose(codes @ codes, torch.eye(len(codes)), atol=1e-3)


def test_blendshapes_change_sides_in_the_mirror_and_are_hidden_now_and_then() -> None:
    model = open_head()
    anchor_m = HeadLayout.of(model, 3e-4).view.anchor_m
    known = face(anchor_m)
    maker = SampleMaker.of(NETWORK, DATA, replace(STILL, mirror=1.0), model)
    seen = maker.sample(known, np.random.default_rng(0), 0).input.blendshapes
    left, right = (BLENDSHAPE_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right"))
    assert (seen[left], seen[right]) == (UNITS[right], UNITS[left])
    assert torch.equal(seen[list(blendshape_mirror())], UNITS)
    hiding = SampleMaker.of(NETWORK, replace(DATA, blendshape_share=0.0), STILL, model)
    assert bool(hiding.sample(known, np.random.default_rng(0), 0).input.blendshapes.isnan().all())


def test_without_variation_it_is_the_crop_of_live_use() -> None:
    model = open_head()
    anchor_m = HeadLayout.of(model, 3e-4).view.anchor_m
    known = face(anchor_m)
    sample = SampleMaker.of(NETWORK, DATA, None, model).sample(known, np.random.default_rng(0), 0)
    crop = Crop.around(known.outline_px[:468], 96, NETWORK.margin)
    assert torch.allclose(sample.input.landmarks_px, crop.apply(known.outline_px), atol=1e-4)
    off = (sample.input.image.permute(1, 2, 0).int() - torch.from_numpy(crop.sample(known.image)).int()).abs()
    assert float((off > 2).float().mean()) < 1e-3  # the two crops differ in their last bits


def test_a_face_of_which_nothing_is_seen_does_not_count() -> None:
    model = open_head()
    anchor_m = HeadLayout.of(model, 3e-4).view.anchor_m
    known = replace(face(anchor_m), found_px=None)
    blind = SampleMaker.of(StudentNetworkConfig(backbone="none"), DATA, None, model)
    seeing = SampleMaker.of(NETWORK, DATA, None, model)
    assert float(blind.sample(known, np.random.default_rng(0), 0).target.weight) == 0
    assert float(seeing.sample(known, np.random.default_rng(0), 0).target.weight) == 1
