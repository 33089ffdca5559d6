"""What each pixel is taken for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from shared.flame.segmentation import Part
from teacher.prior.records import N_PARTS


def is_one_of(part_logits: Tensor, parts: Sequence[Part]) -> Tensor:
    """(..., 9, H, W) -> (..., H, W) whether the likeliest part is one of these; a tenth of the time of an argmax."""
    logits = part_logits.unbind(-3)
    others = [logits[part] for part in range(N_PARTS) if part not in parts]
    return reduce(torch.maximum, [logits[part] for part in parts]) >= reduce(torch.maximum, others)
