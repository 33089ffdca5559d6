"""Networks that belong to the process that loaded them, and are used by one thread at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TypeVar

Self = TypeVar("Self", bound="Guarded")


class Guarded:
    """Base of what holds networks: a context manager with `close`, safe between threads, refused after a fork."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: int | None = os.getpid()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the networks; closing twice does nothing."""
        if self._process == os.getpid():
            self._process = None
            self._free()

    def _free(self) -> None:
        raise NotImplementedError

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        if self._process != os.getpid():
            state = "is closed" if self._process is None else "belongs to the process that forked this one"
            raise RuntimeError(f"this face detector {state}: make a new {type(self).__name__}()")
        with self._turn:
            yield


def check_picture(image: object) -> None:
    """ValueError unless it is an array (H, W, 3) uint8."""
    shape, dtype = getattr(image, "shape", ()), getattr(image, "dtype", None)
    if len(shape) != 3 or shape[2] != 3 or str(dtype) != "uint8":
        raise ValueError(f"a picture must be (H, W, 3) uint8 RGB, got {shape} {dtype}")
