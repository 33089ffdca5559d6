"""What every source of identities is: ours and MICA's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from torch import Tensor

from shared.geometry.camera import Camera
from teacher.evidence.records import ExpressionEvidence, FaceEvidence, IdentityEvidence

Picture = tuple[np.ndarray, Tensor, Camera]  # (H, W, 3) uint8 RGB, MediaPipe's landmarks (478, 2) in it, its camera


class IdentitySource(Protocol):
    """An identity network with all it needs."""

    @property
    def directions(self) -> Tensor:
        """(S, D) orthonormal, of the head's shape codes."""
        ...

    @property
    def expression_directions(self) -> Tensor | None:
        """(E, e) orthonormal, of the expression codes; None if it predicts none."""
        ...

    def predict(
        self, pictures: Sequence[Picture], evidence: FaceEvidence
    ) -> tuple[IdentityEvidence, ExpressionEvidence | None]:
        """What each picture says of its person, and of its moment, (B rows), on the CPU.

        Args:
            pictures: one face each.
            evidence: (B) rows, what else is seen of them, on the CPU.
        """
        ...
