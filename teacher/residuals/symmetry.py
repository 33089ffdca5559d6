"""Faces are alike on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.model import FlameModel
from teacher.solver.structure import SUBJECT
from teacher.solver.terms import Linearisation, Values

_MIRROR = torch.tensor([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class SymmetryPrior:
    """``asymmetry @ shape / std``: its square is the mean squared distance of vertices to their mirrored partners."""

    asymmetry: Tensor  # (r, s) metres a code
    std_m: float  # the weight of this term

    @staticmethod
    def of(model: FlameModel, basis: CodeBasis, std_m: float) -> SymmetryPrior:
        """Over the face. A head that knows no mirror, or only symmetric shapes, has no rows."""
        assets = model.assets
        if assets.mirror is None:
            return SymmetryPrior(basis.shape.new_zeros(0, basis.shape.shape[1]), std_m)
        mirror = assets.mirror.to(model.v_template.device)
        face = assets.region("face").to(mirror.device) if "face" in assets.regions else torch.ones_like(mirror).bool()
        moves = model.blendshapes[..., : model.n_shape] @ basis.shape  # (V, 3, s)
        apart = (moves - moves[mirror] * _MIRROR.to(moves)[:, None])[face].flatten(0, 1) / face.sum().sqrt()
        # Only the length of the product counts, so the rows may be turned into few.
        values, vectors = torch.linalg.eigh((apart.T @ apart).double())
        kept = values > 1e-6 * values.max().clamp_min(1e-12)
        rows = (values[kept].sqrt()[:, None] * vectors[:, kept].T).to(moves)
        return SymmetryPrior(rows, std_m)

    @property
    def level(self) -> int:
        """A row a person."""
        return SUBJECT

    def __getitem__(self, index: Tensor) -> SymmetryPrior:
        """The same for some of the persons: it is the same for all."""
        return self

    def energy(self, values: Values) -> Tensor:
        """(G,)"""
        return 0.5 * (values["shape"] @ self.asymmetry.T / self.std_m).square().sum(1)

    def linearise(self, values: Values) -> Linearisation:
        """Linear in the shape."""
        jacobian = (self.asymmetry / self.std_m).expand(len(values["shape"]), -1, -1)
        return Linearisation(values["shape"] @ self.asymmetry.T / self.std_m, {"shape": jacobian})
