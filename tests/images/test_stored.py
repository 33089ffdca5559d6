"""Pictures as they are stored: every bit comes back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.images.encode import write_png
from shared.images.stored import StoredPictureError, read_stored, read_stored_photo


@pytest.mark.parametrize(("shape", "depth"), [((5, 7), np.uint8), ((5, 7, 3), np.uint8), ((5, 7, 3), np.uint16)])
def test_round_trip(tmp_path: Path, shape: tuple[int, ...], depth: type) -> None:
    values = np.random.default_rng(0).integers(0, np.iinfo(depth).max, shape, depth, endpoint=True)
    back = read_stored(write_png(tmp_path / "a.png", values))
    assert back.dtype == depth
    np.testing.assert_array_equal(back, values)
    photo = read_stored_photo(tmp_path / "a.png")
    assert photo.dtype == np.uint8
    assert photo.shape == (5, 7, 3)


def test_what_cannot_be_read_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(StoredPictureError, match=r"a\.png cannot be read \(No such file"):
        read_stored(tmp_path / "a.png")
    for content in (b"", b"no picture"):
        (tmp_path / "a.png").write_bytes(content)
        with pytest.raises(StoredPictureError, match=r"a\.png is damaged"):
            read_stored(tmp_path / "a.png")
