"""What a training run shows while it runs: TensorBoard's curves, and pictures of what the network sees and says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from shared.images.encode import write_jpeg
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.prediction.pictures import sample_rows
from teacher.prior.records import PriorSample

_ROWS = 6


class Board:
    """TensorBoard files in a folder, and the last picture as a JPEG beside them.

    Args:
        folder: for TensorBoard.
        step: what an earlier run wrote after this step no longer counts.
        latest: where the last picture is.
    """

    def __init__(self, folder: Path, step: int, latest: Path) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=step + 1)
        self._latest = latest

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers by name."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def picture(self, step: int, network: PriorNetwork, sample: PriorSample) -> None:
        """The first samples of a batch as the network, which is in eval mode, sees them."""
        with torch.inference_mode():
            first = sample[:_ROWS]
            rows = sample_rows(first.map(_on_cpu), network(first.input).map(_on_cpu))
        picture = np.vstack([np.hstack(row) for row in rows])
        self._writer.add_image("samples", picture, step, dataformats="HWC")
        write_jpeg(self._latest, picture)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()


def _on_cpu(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu()
