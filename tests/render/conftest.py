"""The open head, loaded once."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.open_head_file import load_open_head
from shared.flame.schema import FlameAssets


@pytest.fixture(scope="session")
def head() -> FlameAssets:
    return load_open_head()


@pytest.fixture(scope="session")
def head_model(head: FlameAssets) -> FlameModel:
    return FlameModel(head)


@pytest.fixture(scope="session")
def heads_m(head_model: FlameModel) -> Tensor:
    """(3, V, 3) different heads 0.7 m in front of the camera: frontal, turned, in profile with an open mouth."""
    generator = torch.Generator().manual_seed(5)
    params = head_model.neutral_params(3)
    params.shape.copy_(0.8 * torch.randn(3, head_model.n_shape, generator=generator))
    params.global_rot[:, 1] = torch.tensor([0.0, 0.6, -1.4])
    params.jaw[2, 0] = 0.3
    params.translation[:, 2] = -0.7
    return head_model(params).verts_m
