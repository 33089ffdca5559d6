"""Traces of a network's grid: none on smooth maps, as high as they were put there on others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from teacher.prior.map_quality.artefacts import alternation, edge_step, patch_score

SIZE = 128
EVERYWHERE = torch.ones(SIZE, SIZE, dtype=torch.bool)


def smooth() -> Tensor:
    """(2, S, S) like a UV map of a face: curved, with a nose."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIZE), torch.linspace(-1, 1, SIZE), indexing="ij")
    nose = 0.03 * torch.exp(-20 * (x**2 + (y - 0.1) ** 2))
    return torch.stack([0.5 + 0.2 * torch.sin(1.3 * x) + nose, 0.5 + 0.2 * y + 0.05 * y**3 - nose * x])


def blocks(period: int, height: float) -> Tensor:
    """(1, S, S) every cell of a grid at another level."""
    cells = SIZE // period
    levels = height * torch.randn(1, cells, cells, generator=torch.Generator().manual_seed(period))
    return levels.repeat_interleave(period, 1).repeat_interleave(period, 2)


def test_smooth_maps_score_nothing() -> None:
    assert patch_score(smooth(), EVERYWHERE) < 1e-4


def test_noise_is_no_grid() -> None:
    noise = 0.01 * torch.randn(2, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    assert patch_score(smooth() + noise, EVERYWHERE) < 0.005


@pytest.mark.parametrize("period", [4, 8, 16])
def test_steps_between_patches_are_measured(period: int) -> None:
    patched = smooth() + torch.cat([blocks(period, 0.01), torch.zeros(1, SIZE, SIZE)])
    step = edge_step(patched, EVERYWHERE, period)
    assert step == pytest.approx(0.01 * 0.954, rel=0.15)  # median distance of two normal numbers
    assert patch_score(patched, EVERYWHERE) >= step
    shifted = torch.roll(patched, (period // 2, period // 2), (-2, -1))
    assert edge_step(shifted, EVERYWHERE, period) < 1e-4


def test_cells_of_two_pixels_are_seen() -> None:
    assert edge_step(smooth() + blocks(2, 0.01), EVERYWHERE, 2) > 0.003


def test_alternating_pixels_are_measured() -> None:
    checkers = 0.01 * (1 - 2.0 * ((torch.arange(SIZE)[:, None] + torch.arange(SIZE)) % 2))
    assert alternation(smooth() + torch.stack([checkers, 0 * checkers]), EVERYWHERE) == pytest.approx(0.01, rel=0.05)
    stripes = 0.01 * (1 - 2.0 * (torch.arange(SIZE) % 2)).expand(SIZE, SIZE)
    assert alternation(smooth() + stripes, EVERYWHERE) == pytest.approx(0.01 * 2**0.5, rel=0.05)  # in both channels


def test_only_the_masked_part_counts() -> None:
    left = EVERYWHERE.clone()
    left[:, SIZE // 2 :] = False
    half_bad = smooth()
    half_bad[:, :, SIZE // 2 :] += blocks(8, 1.0)[:, :, SIZE // 2 :]
    assert patch_score(half_bad, left) < 1e-4
    assert patch_score(half_bad, ~EVERYWHERE) == 0


def test_edges_of_the_surface_are_no_grid() -> None:
    """The outline of a nose before a cheek, which may well follow a column of the grid for a while."""
    torn = smooth()
    torn[:, 40:90, 64:] += 0.3
    assert patch_score(torn, EVERYWHERE) < 1e-4
