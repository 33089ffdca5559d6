"""What a training run shows while it runs: TensorBoard's curves, and pictures of what the network sees and says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from shared.images.encode import write_jpeg


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

    def picture(self, step: int, picture: np.ndarray) -> None:
        """(H, W, 3) uint8 RGB."""
        self._writer.add_image("samples", picture, step, dataformats="HWC")
        write_jpeg(self._latest, picture)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
