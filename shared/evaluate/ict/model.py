"""The identity and expression model of ICT-FaceKit as a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shared.evaluate.mesh_files import triangles_of

# Ranges of polygons of the parts that are drawn, as the model's README lists them.
PART_QUADS: Mapping[str, tuple[int, int]] = {
    "face": (0, 9230), "head": (9230, 11144), "mouth": (11144, 13226), "socket": (13226, 14034),
    "gums": (14034, 17006), "teeth": (17006, 21496), "scleraL": (21496, 22296), "irisL": (22296, 23094),
    "scleraR": (23094, 23894), "irisR": (23894, 24692),
}  # fmt: skip
NARROW_FACE = (0, 6560)  # polygons of the face without ears, scalp and neck
N_IBUG = 68


@dataclass(frozen=True, eq=False)
class IctModel:
    """A linear model of heads in millimetres; x = subject's left, y up, z forward."""

    neutral_mm: np.ndarray  # (V, 3) float32, the mean head
    identity_mm: np.ndarray  # (I, V, 3) float32, one standard deviation of each mode
    expression_mm: np.ndarray  # (E, V, 3) float32
    expression_names: tuple[str, ...]  # (E,) by ARKit's names, left and right apart
    quads: np.ndarray  # (F, 4) int64; the last index repeats in triangles
    ibug68: np.ndarray  # (68,) int64 vertices
    part_quads: Mapping[str, tuple[int, int]]  # name -> first row of ``quads`` and the one behind the last

    def identity(self, weights: np.ndarray) -> np.ndarray:
        """(V, 3) float64 millimetres: the neutral head of weights (I,), which are N(0, 1) among people."""
        return self.neutral_mm + np.tensordot(weights, self.identity_mm, 1)

    def expression(self, coefficients: Mapping[str, float]) -> np.ndarray:
        """(V, 3) float64 millimetres that the named units, 0 to 1, add to any head. KeyError for an unknown unit."""
        moved = np.zeros(self.neutral_mm.shape)
        for name, value in coefficients.items():
            if name not in self.expression_names:
                raise KeyError(f"no expression unit {name!r}")
            moved += value * self.expression_mm[self.expression_names.index(name)]
        return moved

    def triangles(self, first: int, last: int) -> np.ndarray:
        """(T, 3) int64 of the polygons from ``first`` to before ``last``."""
        return triangles_of(self.quads[first:last])
