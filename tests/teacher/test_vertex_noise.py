"""Constant errors of a prior: found from views, kept beside its weights, and not taken for another's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from shared.flame.model import FlameModel
from shared.geometry.rotation import axis_angle_to_matrix
from shared.runs.errors import UserError
from teacher.evidence.triangulation import triangulate_offsets
from teacher.evidence.vertex_noise import VertexNoise, load_noise, save_noise
from tests.tiny_head import tiny_head


def test_offsets_come_out_of_views_with_noise_and_gross_errors() -> None:
    generator = torch.Generator().manual_seed(0)
    offset = 1e-3 * torch.randn(20, 3, generator=generator)
    rotation = axis_angle_to_matrix(0.6 * torch.randn(400, 3, generator=generator))
    error = torch.einsum("nij,pj->npi", rotation[:, :2], offset)
    error = error + 5e-4 * torch.randn(error.shape, generator=generator)
    error[::10] += 0.05
    seen = torch.rand(400, 20, generator=generator) < 0.7
    found = triangulate_offsets(error, seen, rotation, 2.0)
    assert (found - offset).norm(dim=1).max() < 3e-4
    assert (offset.norm(dim=1) > 3e-4).all()


def test_noise_is_kept_beside_the_weights(tmp_path: Path) -> None:
    model, vertices = FlameModel(tiny_head()), torch.tensor([1, 4, 6, 9])
    noise = VertexNoise(torch.rand(4, 3), torch.rand(4, 2))
    prior = str(tmp_path / "prior.safetensors")
    assert not load_noise(prior, model, vertices).offset_m.any()  # nothing was measured
    save_noise(prior, vertices, noise, {})
    some = load_noise(prior, model, vertices[1::2])
    assert torch.equal(some.offset_m, noise.offset_m[1::2])
    assert torch.equal(some.tilt, noise.tilt[1::2])
    with pytest.raises(UserError, match="other vertices"):
        load_noise(prior, model, torch.tensor([1, 5]))
