"""Whoever tells the identity of the persons on pictures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.runtime import UserError
from teacher.evidence import ExpressionEvidence, FaceEvidence, IdentityEvidence

logger = logging.getLogger(__name__)

Picture = tuple[np.ndarray, Tensor, Camera]  # (H, W, 3) uint8 RGB, MediaPipe's landmarks (478, 2) in it, its camera


class IdentitySource(Protocol):
    """An identity network with all it needs."""

    @property
    def directions(self) -> Tensor:
        """(S, D) orthonormal, of the head's shape codes."""
        ...

    @property
    def expression_directions(self) -> Tensor | None:
        """(E, e) orthonormal, of the expression codes; None if it tells none."""
        ...

    def tell(
        self, pictures: Sequence[Picture], evidence: FaceEvidence
    ) -> tuple[IdentityEvidence, ExpressionEvidence | None]:
        """What each picture tells of its person, and of its moment, (B rows), on the CPU.

        Args:
            pictures: one face each.
            evidence: (B) rows, what else is seen of them, on the CPU.
        """
        ...


def find_identity(
    wanted: str, prior_id: str | None, head: FlameAssets, device: torch.device | str
) -> IdentitySource | None:
    """The source that the option ``identity`` names.

    Args:
        wanted: "none", or the path of a file: ours, or MICA's mica.tar.
        prior_id: `network_id` of the prior whose points the fit sees; None: it sees none.
        head: of the fit.
        device: of large networks.

    Returns:
        None for "none".

    Raises:
        UserError: the file is not there, is none of these, or does not suit the head or the prior.
    """
    from teacher.identity.mica import read_mica
    from teacher.identity.weights import load_identity

    if wanted == "none":
        return None
    path = Path(wanted)
    if not path.is_file():
        raise UserError(f"identity={wanted} is not there: give none, a file of teacher/identity_train.py or mica.tar")
    if path.suffix != ".safetensors":
        return read_mica(path, head, device)
    source = load_identity(path, head)
    if source.prior_id != prior_id:
        raise UserError(
            f"identity={wanted} was trained behind the prior {source.prior_id}, the fit sees by {prior_id}: "
            "train one behind it (teacher/identity_train.py), or give identity=none"
        )
    return source
