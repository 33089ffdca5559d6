"""Portraits made when they are asked for, to train on a series without an end and without a disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils.data import Dataset

from shared.synthetic.scene.portrait import Portrait
from shared.synthetic.studio import Order, PortraitStudio


class RenderedPortraits(Dataset[Portrait]):
    """Portraits 0 to ``count`` - 1 of a series, the same as on disk; for a `DataLoader` with worker processes.

    Args:
        make_studio: called once in each process that makes portraits; must be picklable, as a partial of
            `generate.build_studio` is.
        seed, count, per_person: as in `Order.draw`.
    """

    def __init__(self, make_studio: Callable[[], PortraitStudio], seed: int, count: int, per_person: int = 1) -> None:
        self._make_studio = make_studio
        self._studio: PortraitStudio | None = None
        self.seed, self.count, self.per_person = seed, count, per_person

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Portrait:
        if not 0 <= index < self.count:
            raise IndexError(index)
        if self._studio is None:
            self._studio = self._make_studio()
        return self._studio.portrait(Order.draw(self.seed, index, self.per_person))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_studio": None}
