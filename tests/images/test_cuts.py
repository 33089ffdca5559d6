"""Cuts are found, motion is none."""

from __future__ import annotations

import numpy as np
from skimage import data

from shared.images.cuts import CutFinder


def test_cuts_are_found_and_motion_is_none() -> None:
    first, second = data.astronaut(), data.coffee()
    frames = [np.roll(first, 3 * step, 1) for step in range(8)]
    frames += [np.roll(second, 6 * step, 0) for step in range(8)]
    frames += [(0.6 * first).astype(np.uint8)] * 3
    finder = CutFinder()
    assert [index for index, frame in enumerate(frames) if finder(frame)] == [0, 8, 16]


def test_a_flickering_clip_is_no_row_of_cuts() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (6, 54, 96, 3), dtype=np.uint8)  # every frame another
    finder = CutFinder()
    assert sum(finder(frame) for frame in noise) <= 2  # the first, and the second, which nothing came before
