"""The surface against normals that are given in the head's own axes, as Pixel3DMM's released networks do."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.records.tensor_record import TensorRecord
from teacher.residuals.normals import NormalTerm
from teacher.solver.structure import VIEW
from teacher.solver.terms import Linearisation, Values

TURNED = ("global_rot", "neck")  # what turns the whole head, and is not in such normals


@dataclass(frozen=True)
class HeadNormalTerm(TensorRecord):
    """`NormalTerm` of the head before its neck and its own rotation turn it: these say nothing of the pose."""

    upright: NormalTerm  # its ``normal`` in the head's axes

    @property
    def level(self) -> int:
        """A row a picture."""
        return VIEW

    def energy(self, values: Values) -> Tensor:
        """(N,)"""
        return self.upright.energy(_upright(values))

    def linearise(self, values: Values) -> Linearisation:
        """Jacobian by all head variables but the two rotations, and by the bias."""
        linearised = self.upright.linearise(_upright(values))
        kept = {name: block for name, block in linearised.jacobian.items() if name not in TURNED}
        return Linearisation(linearised.residual, kept)


def _upright(values: Values) -> dict[str, Tensor]:
    return {name: torch.zeros_like(value) if name in TURNED else value for name, value in values.items()}
