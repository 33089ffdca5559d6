"""Heads without pictures are those of the portraits of the same series, and are drawn once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import shared.synthetic.drawn_heads as drawn_heads
from shared.synthetic.drawn_heads import draw_heads, stored_heads
from shared.synthetic.scene.portrait import Portrait
from shared.synthetic.studio import PortraitStudio
from tests.synthetic.conftest import SEED


def test_they_are_the_portraits_heads(studio: PortraitStudio, portraits: list[Portrait]) -> None:
    heads = draw_heads(studio.model, 4, SEED)
    for row, portrait in enumerate(portraits[:4]):
        truth = portrait.truth
        assert torch.equal(heads.params.shape[row], truth.params.shape)
        torch.testing.assert_close(heads.params.expression[row], truth.params.expression, atol=1e-4, rtol=0)
        # The picture is twice as large; the view is the same.
        torch.testing.assert_close(heads.camera.focal_px[row], 2 * truth.camera.focal_px)


def test_they_are_kept(studio: PortraitStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "heads.safetensors"
    first = stored_heads(path, studio.model, 3, 7)

    def refuse(*_: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(drawn_heads, "draw_heads", refuse)
    again = stored_heads(path, studio.model, 3, 7)
    assert torch.equal(first.params.expression, again.params.expression)
    assert again.camera.size == first.camera.size
    with pytest.raises(AssertionError, match="drawn again"):
        stored_heads(path, studio.model, 3, 8)
