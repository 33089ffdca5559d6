"""A soft step from 0 to 1."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from torch import Tensor

Values = TypeVar("Values", Tensor, np.ndarray)


def smoothstep(share: Values) -> Values:
    """Shares in [0, 1] -> [0, 1], 0 at 0 and 1 at 1, level at both ends."""
    return share * share * (3 - 2 * share)
