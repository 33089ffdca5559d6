"""What a training run shows of its network: the first samples of a batch, and what is said of them."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from teacher.prior.networks.network import PriorNetwork
from teacher.prior.prediction.pictures import sample_rows
from teacher.prior.records import PriorSample

_ROWS = 6


def sample_picture(network: PriorNetwork, sample: PriorSample) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a batch on the device of the network, which is in eval mode."""
    first = sample[:_ROWS]
    rows = sample_rows(first.map(_on_cpu), network(first.input).map(_on_cpu))
    return np.vstack([np.hstack(row) for row in rows])


def _on_cpu(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu()
