"""What a process computes with: device, threads, random numbers. Nothing is imported before it is needed."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.runs.errors import UserError

if TYPE_CHECKING:  # torch takes seconds to import, and the usage of a command should appear at once
    import torch

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # of malloc.h
_TURN_S = 5e-4


def choose_device(name: str, local_rank: int = 0) -> torch.device:
    """The device of an option: "auto" is a GPU if there is one, a different one for each process of this machine.

    UserError if the device is not there.
    """
    import torch

    if name == "auto":
        if not torch.cuda.is_available() or os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true":
            return torch.device("cpu")
        return torch.device("cuda", local_rank % torch.cuda.device_count())
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"device={name} cannot be used here ({reason}); leave it out to choose by itself") from error
    return device


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """Computing in "fp32", "bf16", or "auto": 16 bits on CUDA alone, as many CPUs are ten times slower with them."""
    import torch

    halves = precision == "bf16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16, enabled=halves)


def one_thread() -> None:
    """Compute with one thread: the split of a sum over threads changes its last bits, and so would the labels."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def keep_freed_memory() -> None:
    """Let this process keep what it frees and use it again, instead of handing large blocks back to the system.

    Fresh memory comes page by page and zeroed, which takes a third of a training step on the CPU. Call it before the
    first tensors are made. It does something with glibc only.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # musl, macOS, Windows
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, -1)  # never
    mallopt(_M_TOP_PAD, 64 << 20)


@contextmanager
def short_turns() -> Iterator[None]:
    """Python's threads take turns of half a millisecond meanwhile, instead of five.

    A stage that comes back from compiled code waits for a turn of the others; five milliseconds are a whole frame.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def seed_everything(seed: int) -> None:
    """Seed the random numbers of Python, numpy and torch."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - for libraries that draw from it
    torch.manual_seed(seed)
