"""The skin under a sheet of hair, to be coloured as hair: sheets have holes, and gaps open where they bend."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

_CLOSED_RINGS = 3  # gaps narrower than twice this many edges are under hair too
_RIM_RINGS = 3  # so far from the hairline the skin stays bare


def faces_under_hair(touched: Tensor, faces: Tensor, n_vertices: int) -> Tensor:
    """(M, 3) the faces of the skin (F, 3) that lie well under hair, which is right above the faces ``touched`` (N, 3).

    A morphological closing, then an erosion, over the edges of the mesh.
    """
    ends = faces.numpy()
    first, second = ends.reshape(-1), np.roll(ends, 1, 1).reshape(-1)
    links = sparse.coo_matrix((np.ones(len(first)), (first, second)), (n_vertices, n_vertices)).tocsr()
    links = links + links.T
    under = np.zeros(n_vertices, bool)
    under[touched.numpy()] = True
    for _ in range(_CLOSED_RINGS):
        under |= links @ under > 0
    for _ in range(_CLOSED_RINGS + _RIM_RINGS):
        under &= links @ ~under == 0
    return faces[torch.from_numpy(under)[faces].all(1)]
