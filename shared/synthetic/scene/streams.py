"""Random numbers: one independent stream for each thing that is drawn, so that a change to one leaves the others."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, number: int, aspect: str) -> np.random.Generator:
    """The stream of ``aspect`` ("hair", "light", ...) of the person or picture ``number`` of the series ``seed``."""
    return np.random.default_rng([seed, number, zlib.crc32(aspect.encode())])
