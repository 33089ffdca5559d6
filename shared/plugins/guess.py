"""A quick guess of heads, for a fit to start from: what teacher and student agree on without knowing each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from shared.flame.params import FlameParams
from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.plugins.factories import find_factory
from shared.runs.errors import UserError

GUESSERS = {"student": "student.methods:guesser"}


class Guesser(Protocol):
    """Guesses heads, one a picture."""

    def __call__(self, images: Sequence[np.ndarray], landmarks_px: Tensor, camera: Camera) -> FlameParams:
        """B heads, on the CPU.

        Args:
            images: (H, W, 3) uint8 RGB, all of ``camera.size``: crops around the face, or whole pictures.
            landmarks_px: (B, 478, 2) MediaPipe's, in their pixels.
            camera: (B) of the pictures; its intrinsics are taken as known.

        Returns:
            (B) rows, in the world of ``camera``. A row that is not finite is no guess.
        """
        ...


def load_guesser(start: str, head: FlameAssets, device: torch.device) -> Guesser | None:
    """Who guesses where a fit starts, as the option ``start`` says.

    Args:
        start: "pose", "student", a file of the student's weights, or "package.module:factory". A factory takes
            ``weights`` (a path; None: its own choice), ``head`` and ``device``.
        head: of the fit.
        device: of the network.

    Returns:
        None for "pose".

    Raises:
        UserError: there is no such guesser or file, or it guesses other heads.
    """
    if start == "pose":
        return None
    weights = Path(start) if start.endswith(".safetensors") else None
    if weights is not None and not weights.is_file():
        raise UserError(f"start={start} is not there: give pose, student, or a file of the student's weights")
    name, known = start if weights is None else "student", {"pose": "", **GUESSERS}
    factory: Callable[..., Guesser] = find_factory("start", name, known, ("weights", "head", "device"))
    return factory(None if weights is None else start, head, device)
