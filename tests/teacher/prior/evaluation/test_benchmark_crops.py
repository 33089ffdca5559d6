"""The benchmark's pictures: drawn once, kept without loss, cropped as in prediction, covered where one wants it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from shared.evaluate.benchmark_portraits import BenchmarkPortraits
from shared.flame.segmentation import Part
from shared.synthetic.scene.portrait import Portrait
from shared.synthetic.storage.detection import Detection
from shared.synthetic.storage.shards import shard_path
from teacher.config import PriorDataConfig
from teacher.prior.data.sample import SampleMaker
from teacher.prior.evaluation.benchmark_crops import BenchmarkCrops
from tests.teacher.prior.data.plain_portrait import head, plain_portrait, scene, vertices

SIZE = 64


class Studio:
    """Plain heads; the detector sees the truth, moved by a pixel, in all pictures but the third."""

    def __init__(self) -> None:
        self.drawn: list[int] = []
        self.portraits = {index: plain_portrait(*scene(index), index) for index in range(3)}

    def draw(self, index: int) -> Portrait:
        """Counts."""
        self.drawn.append(index)
        return self.portraits[index]

    def detect(self, image: np.ndarray) -> Detection | None:
        """By the picture."""
        index = max(range(3), key=lambda one: float((image == self.portraits[one].image).mean()))
        if index == 2:
            return None
        return Detection(self.portraits[index].truth.landmarks_px + 1, torch.full((52,), torch.nan))


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio()


def crops_of(studio: Studio, folder: Path) -> BenchmarkCrops:
    config = PriorDataConfig(landmark_share=1.0)
    maker = SampleMaker.of(head().assets, config, None, SIZE, vertices())
    return BenchmarkCrops(BenchmarkPortraits(studio.draw, studio.detect, folder), maker, None, (0, 1, 2))


def test_a_picture_is_drawn_once_and_kept_without_loss(studio: Studio, tmp_path: Path) -> None:
    studio.drawn.clear()
    portraits = BenchmarkPortraits(studio.draw, studio.detect, tmp_path)
    portraits.prepare([0, 2], quiet=True)
    portraits.prepare([0, 2], quiet=True)
    portrait, detection = portraits[0]
    assert studio.drawn == [0, 2]
    assert np.array_equal(portrait.image, studio.portraits[0].image)
    assert detection is not None
    assert torch.allclose(detection.landmarks_px, studio.portraits[0].truth.landmarks_px + 1)
    assert portraits[2][1] is None
    shard_path(tmp_path, 0).write_bytes(b"damaged")
    assert np.array_equal(portraits[0][0].image, portrait.image)
    assert studio.drawn == [0, 2, 0]


def test_a_folder_that_cannot_be_written_is_done_without(studio: Studio, tmp_path: Path, caplog) -> None:
    (tmp_path / "file").write_text("")
    portrait, detection = BenchmarkPortraits(studio.draw, studio.detect, tmp_path / "file")[1]
    assert portrait is studio.portraits[1]
    assert detection is not None
    assert "PIXEL3DMM_CACHE" in caplog.text


def test_crops_show_landmarks_where_there_are_any(studio: Studio, tmp_path: Path) -> None:
    crops = crops_of(studio, tmp_path)
    assert [crop.found for crop in crops] == [True, True, False]
    for crop in crops:
        assert crop.target.uv_mask.float().mean() > 0.1
        assert crop.input.image.shape == (3, SIZE, SIZE)
    assert not crops[2].input.landmark_maps.any()


def test_a_patch_changes_the_picture_and_not_the_truth_below(studio: Studio, tmp_path: Path) -> None:
    crops = crops_of(studio, tmp_path)
    plain, patched = crops[0], crops.covered(0, 0.3)
    assert patched is not None
    assert patched.covered is not None
    assert torch.equal(patched.target.uv, plain.target.uv)
    assert torch.equal(patched.target.uv_mask, plain.target.uv_mask)
    assert (patched.target.part[patched.covered] == int(Part.OCCLUDER)).all()
    # Colours are mixed along the outline of the patch.
    changed = (patched.input.image - plain.input.image).abs().amax(0) > 0
    assert (changed & patched.covered).sum() > 0.95 * patched.covered.sum()
    assert (changed & ~patched.covered).sum() < 0.3 * patched.covered.sum()
    share = float((patched.covered & plain.target.uv_mask).sum() / plain.target.uv_mask.sum())
    assert 0.05 < share < 0.4  # of the whole head's skin, of which the face is a part


def test_who_is_covered_already_is_left_out(studio: Studio, tmp_path: Path) -> None:
    portrait = studio.portraits[1]
    hidden = replace(portrait, facts=replace(portrait.facts, kind="occluded"))
    crops = crops_of(studio, tmp_path)
    crops = replace(crops, portraits=BenchmarkPortraits(lambda _: hidden, studio.detect, tmp_path / "hidden"))
    assert crops.covered(1, 0.3) is None
