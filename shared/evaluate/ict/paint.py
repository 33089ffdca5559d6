"""Plain paint for the vertices of the model: skin, lips, brows, cropped hair, eyes, teeth. No scan has colours here."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.evaluate.ict.model import IctModel
from shared.evaluate.ict.skin import openness
from shared.synthetic.face.tones import base_tone

_LIPS, _BROWS = tuple(range(48, 60)), (tuple(range(17, 22)), tuple(range(22, 27)))  # of iBUG's 68
_BROW_MM, _SOFT_MM = 3.2, 1.2  # half the height of a brow, and the softness of edges
IRIS_MM, _PUPIL_MM, _RIM_MM = 5.9, 1.9, 0.5  # radius of the iris and the pupil, width of the iris's dark rim
_NO_EYE_MM = 99.0
_IRISES = ((0.16, 0.26, 0.36), (0.12, 0.07, 0.035), (0.07, 0.045, 0.03), (0.16, 0.17, 0.09), (0.24, 0.29, 0.31))
_HAIRS = ((0.02, 0.016, 0.013), (0.05, 0.03, 0.018), (0.11, 0.07, 0.035), (0.16, 0.14, 0.12))
_HAIRLINE_MM = (52.0, -38.0)  # above the eyes in front, and behind them at the sides
_PLAIN = {
    "mouth": (0.16, 0.045, 0.04), "gums": (0.30, 0.10, 0.09), "teeth": (0.60, 0.55, 0.45),
    "scleraL": (0.62, 0.58, 0.54), "scleraR": (0.62, 0.58, 0.54),
}  # fmt: skip
_DARK_INSIDE = 0.4  # what a part that is shut in shows of its colour, at least


@dataclass(frozen=True, eq=False)
class Paint:
    """The colours of one person."""

    values: Tensor  # (V, 4) float32: linear RGB, and the distance from the eyeball's axis in mm
    iris: Tensor  # (3,)

    def albedo(self, values: Tensor) -> Tensor:
        """(P, 3) linear colours of places whose mixed values are (P, 4): irises keep sharp edges."""
        away = values[:, 3:]
        rim = ((IRIS_MM - away) / _RIM_MM).clamp(0.3, 1)
        iris = torch.where(away < _PUPIL_MM, torch.tensor(0.004), self.iris * rim)
        return torch.where(away < IRIS_MM, iris, values[:, :3])


@dataclass(frozen=True, eq=False)
class Painter:
    """Masks on the mean head, the same for everyone."""

    model: IctModel
    lips: np.ndarray  # (V,) in [0, 1]
    brows: np.ndarray  # (V,)
    hair: np.ndarray  # (V,)
    open: np.ndarray  # (V,) share of light that arrives
    iris_mm: np.ndarray  # (V,) distance from the axis of the eyeball on its front, 99 elsewhere

    @staticmethod
    def of(model: IctModel) -> Painter:
        """Some seconds: light is traced."""
        verts, marks = model.neutral_mm, model.neutral_mm[model.ibug68]
        skin = np.zeros(len(verts))
        skin[np.unique(model.triangles(*model.part_quads["face"]))] = 1
        front = skin * (verts[:, 2] > marks[list(_LIPS), 2].min() - 25)
        eyes = marks[[36, 39, 42, 45]].mean(0)
        above, behind = verts[:, 1] - eyes[1], verts[:, 2] - eyes[2]
        scalp = np.maximum(above - _HAIRLINE_MM[0], np.minimum(above - 5, _HAIRLINE_MM[1] - behind))
        iris_mm = np.full(len(verts), _NO_EYE_MM)
        for part in ("scleraL", "scleraR"):
            rows = np.unique(model.triangles(*model.part_quads[part]))
            offset = verts[rows] - (verts[rows].min(0) + verts[rows].max(0)) / 2
            iris_mm[rows] = np.where(offset[:, 2] > 0, np.linalg.norm(offset[:, :2], axis=1), _NO_EYE_MM)
        return Painter(
            model,
            front * _soft(_inside_mm(verts, marks[list(_LIPS)])),
            front * np.maximum(*(_soft(_BROW_MM - _from_line_mm(verts, marks[list(rows)])) for rows in _BROWS)),
            _soft(scalp / 3),
            openness(model).numpy(),
            iris_mm,
        )

    def draw(self, rng: np.random.Generator) -> Paint:
        """The colours of one person."""
        melanin = float(rng.beta(1.3, 1.8))
        skin = base_tone(melanin, rng.uniform(-0.6, 0.6))
        lips = base_tone(melanin, 0.0, blood=rng.uniform(0.45, 0.9))
        hair = np.array(_HAIRS[min(int(rng.integers(len(_HAIRS))), int(4 * (1 - melanin)))])
        colour = np.broadcast_to(skin, (len(self.open), 3)).copy()
        for part, plain in _PLAIN.items():
            colour[np.unique(self.model.triangles(*self.model.part_quads[part]))] = plain
        for mask, paint, strength in ((self.lips, lips, 1.0), (self.brows, hair, 0.85), (self.hair, hair, 0.8)):
            share = strength * mask[:, None]
            colour = colour * (1 - share) + paint * share
        iris = _IRISES[rng.integers(1, 3) if melanin > 0.6 else rng.integers(len(_IRISES))]
        shade = np.maximum(self.open, self._least_open())
        values = np.column_stack([colour * shade[:, None], self.iris_mm]).astype(np.float32)
        return Paint(torch.from_numpy(values), torch.tensor(iris))

    def _least_open(self) -> np.ndarray:
        """Teeth and eyes show when mouth and lids open, which the mean head's are not."""
        least = np.full(len(self.open), 0.12)
        for part in ("teeth", "gums"):
            least[np.unique(self.model.triangles(*self.model.part_quads[part]))] = _DARK_INSIDE
        for part in ("scleraL", "scleraR"):
            least[np.unique(self.model.triangles(*self.model.part_quads[part]))] = 0.8
        return least


def _soft(distance_mm: np.ndarray) -> np.ndarray:
    """0 outside to 1 inside, by how far inside (positive) a place is."""
    return np.clip(distance_mm / _SOFT_MM + 0.5, 0, 1)


def _inside_mm(verts: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """(V,) signed distance to an outline (N, 3) seen from in front, positive inside."""
    polygon = outline[:, :2].astype(np.float32).reshape(-1, 1, 2)
    return np.array([cv2.pointPolygonTest(polygon, (float(x), float(y)), True) for x, y in verts[:, :2]])


def _from_line_mm(verts: np.ndarray, line: np.ndarray) -> np.ndarray:
    """(V,) distance to a line of points (N, 3) seen from in front."""
    steps = np.linspace(0, len(line) - 1, 60)
    fine = np.stack([np.interp(steps, np.arange(len(line)), line[:, axis]) for axis in range(2)], 1)
    return np.linalg.norm(verts[:, None, :2] - fine, axis=2).min(1)
