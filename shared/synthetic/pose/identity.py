"""Who is in the picture, as identity codes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from shared.flame.model import FlameModel

# With all codes at one standard deviation the open head looks like a caricature.
_SPREAD, _SPREAD_OF_SPREAD = 0.78, 0.07
_STRONG_SHARE, _STRONG_SPREAD = 0.08, (0.9, 1.05)
_LARGEST = 2.6


def draw_identity(model: FlameModel, rng: np.random.Generator) -> Tensor:
    """Identity codes (S,) in standard deviations, on the model's device; a few people are further from the mean."""
    spread = float(np.clip(rng.normal(_SPREAD, _SPREAD_OF_SPREAD), 0.6, 0.95))
    if rng.random() < _STRONG_SHARE:
        spread = rng.uniform(*_STRONG_SPREAD)
    codes = np.clip(rng.normal(0, spread, model.n_shape), -_LARGEST, _LARGEST)
    return torch.tensor(codes, dtype=torch.float32, device=model.v_template.device)
