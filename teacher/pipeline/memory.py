"""Batches that are too large for the GPU's memory."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch

from shared.runs.errors import UserError
from teacher.observation.face import ObservedFace

logger = logging.getLogger(__name__)


def halves(faces: Sequence[ObservedFace]) -> tuple[Sequence[ObservedFace], Sequence[ObservedFace]]:
    """The first and the second half."""
    return faces[: len(faces) // 2], faces[len(faces) // 2 :]


def require_several(faces: Sequence[ObservedFace], error: torch.cuda.OutOfMemoryError) -> None:
    """Say that half the faces are tried next; UserError if there is only one."""
    if len(faces) == 1:
        raise UserError("the GPU's memory does not suffice for one face: end what uses it, or device=cpu") from error
    half = len(faces) // 2
    logger.warning("%d faces are too many for the GPU's memory, batch_size=%d would be faster", len(faces), half)
