"""What a method is, a callable from a picture to a mesh, and how it is called: nothing it does ends a run.

A method of one's own, in a file ``mine.py`` where the command is started::

    import torch
    from shared.evaluate.faces import FaceMesh
    from shared.evaluate.protocol import Picture, Reconstruction

    def method():
        network = ...  # load it once
        corners = [...]  # seven vertices of its mesh, in the order of `shared.evaluate.faces`

        def reconstruct(picture: Picture) -> Reconstruction | None:
            verts_mm = network(picture.image)  # (V, 3), of any topology; None where it finds no face
            if verts_mm is None:
                return None
            verts_m = torch.as_tensor(verts_mm) / 1000
            return Reconstruction(posed=FaceMesh(verts_m, network.faces, verts_m[corners]))

        return reconstruct

``python -m shared.evaluate method=mine:method out=runs/mine`` judges it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.faces import FaceMesh, InvalidFaceError
from shared.flame.landmarks import N_MEDIAPIPE
from shared.geometry.camera import Camera

_LONGEST = 300  # characters of a reason


@dataclass(frozen=True, eq=False)
class Picture:
    """What a method is given."""

    id: str
    image: np.ndarray  # (H, W, 3) uint8 RGB
    camera: Camera | None  # the true one, without leading dimensions, where its focal length may be used


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What a method makes of the largest face of a picture."""

    posed: FaceMesh  # with the expression of the picture
    neutral: FaceMesh | None = None  # the identity alone, mouth and eyes at rest
    landmarks_px: Tensor | None = None  # (478, 2) the mesh's MediaPipe landmarks, pixels of the picture

    def checked(self) -> Reconstruction:
        """The same on the CPU in float64. InvalidFaceError, which says why, if something of it cannot be judged."""
        return Reconstruction(
            self.posed.checked("the posed mesh"),
            None if self.neutral is None else self.neutral.checked("the neutral mesh"),
            None if self.landmarks_px is None else _checked_landmarks(torch.as_tensor(self.landmarks_px)),
        )


def _checked_landmarks(landmarks_px: Tensor) -> Tensor:
    if landmarks_px.shape != (N_MEDIAPIPE, 2):
        raise InvalidFaceError(f"landmarks_px must be ({N_MEDIAPIPE}, 2), got {tuple(landmarks_px.shape)}")
    points = landmarks_px.detach().cpu().double()
    if not points.isfinite().all():
        raise InvalidFaceError(f"landmarks_px: {int((~points.isfinite().all(1)).sum())} of {N_MEDIAPIPE} not finite")
    return points


Method = Callable[[Picture], Reconstruction | None]  # None: it finds no face; an exception: it broke down


@dataclass(frozen=True, eq=False)
class Attempt:
    """What a method made of a picture."""

    found: Reconstruction | None  # checked
    reason: str  # what it raised, or why its result cannot be judged; "" where it only found no face
    seconds: float


def attempt(method: Method, picture: Picture) -> Attempt:
    """Run a method; whatever it raises, or returns that cannot be judged, becomes the reason."""
    start = time.perf_counter()
    try:
        found, reason = method(picture), ""
    except Exception as error:
        found, reason = None, describe(error)
    seconds = round(time.perf_counter() - start, 4)
    try:
        if not isinstance(found, Reconstruction | None):
            raise TypeError(f"a method returns a Reconstruction or None, not a {type(found).__name__}")
        found = None if found is None else found.checked()
    except Exception as error:
        found, reason = None, describe(error)
    return Attempt(found, reason, seconds)


def describe(error: Exception) -> str:
    """One line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]
