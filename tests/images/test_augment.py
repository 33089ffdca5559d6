"""What changes pixels alone: all chance comes from the generator that is given."""

from __future__ import annotations

import pickle
import random

import numpy as np

from shared.images.augment import Photometric
from shared.images.cover import cover


def picture(seed: int = 0, size: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


def test_photometric_changes_depend_on_the_generator_alone() -> None:
    changes, image = Photometric(0.8), picture()
    first = [changes.apply(image, np.random.default_rng(seed)) for seed in range(12)]
    copy = pickle.loads(pickle.dumps(changes))
    again = [copy.apply(image, np.random.default_rng(seed)) for seed in reversed(range(12))][::-1]
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a, b)
        assert a.shape == image.shape
        assert a.dtype == np.uint8
    assert len({one.tobytes() for one in first}) == len(first)
    assert np.array_equal(image, picture())  # the picture that was given is as it was


def test_every_transform_works_and_differs_from_its_input() -> None:
    image = np.full((64, 64, 3), 90, np.uint8)
    image[20:40, 20:40] = (200, 120, 40)
    for group in Photometric(1.0)._groups:
        for transform in group:
            transform.set_random_state(np.random.default_rng(1), random.Random(1))
            assert not np.array_equal(transform(image=image)["image"], image), transform


def test_no_chance_no_change() -> None:
    assert np.array_equal(Photometric(0.0).apply(picture(), np.random.default_rng(0)), picture())


def test_groups_are_drawn_apart() -> None:
    changes, image = Photometric(0.5), picture(size=32)
    same = [np.array_equal(changes.apply(image, np.random.default_rng(seed)), image) for seed in range(200)]
    assert 2 <= sum(same) <= 30  # one in 16 has none of the four; all or nothing would leave half as they are


def test_a_cover_changes_what_its_mask_says() -> None:
    shares = []
    for seed in range(30):
        before = picture(seed)
        after, mask = cover(before, np.random.default_rng(seed))
        assert np.array_equal(after[~mask], before[~mask])
        assert (after[mask] != before[mask]).any(-1).mean() > 0.9
        assert np.array_equal(before, picture(seed))
        again, _ = cover(before, np.random.default_rng(seed))
        assert np.array_equal(after, again)
        shares.append(mask.mean())
    assert 0.03 < np.mean(shares) < 0.4
    assert max(shares) < 0.75
