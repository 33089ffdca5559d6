"""What a method is: a callable from a picture to a mesh. Whatever can be called so is judged by the same script.

A method of one's own, in a file ``mine.py`` where the command is started::

    import torch
    from shared.evaluate.faces import FaceMesh
    from shared.evaluate.protocol import Picture, Reconstruction

    def method():
        network = ...  # load it once
        corners = [...]  # seven vertices of its mesh, in the order of `shared.evaluate.faces`

        def reconstruct(picture: Picture) -> Reconstruction | None:
            found = network(picture.image)  # of any topology; here in millimetres
            verts_m = torch.as_tensor(found) / 1000
            return Reconstruction(posed=FaceMesh(verts_m, network.faces, verts_m[corners]))

        return reconstruct

``python -m shared.evaluate method=mine:method out=runs/mine`` judges it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from shared.evaluate.faces import FaceMesh
from shared.geometry.camera import Camera


@dataclass(frozen=True, eq=False)
class Picture:
    """What a method may see."""

    id: str
    image: np.ndarray  # (H, W, 3) uint8 RGB
    camera: Camera | None  # the true one, without leading dimensions, where its focal length may be used


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """What a method makes of the largest face of a picture."""

    posed: FaceMesh  # with the expression of the picture
    neutral: FaceMesh | None = None  # the identity alone, mouth and eyes at rest
    landmarks_px: Tensor | None = None  # (478, 2) the mesh's MediaPipe landmarks, pixels of the picture


Method = Callable[[Picture], Reconstruction | None]  # None: it finds no face; an exception: it broke down
