"""The landmarker's blendshape coefficients as evidence of what a face does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.flame.arkit_units import unit_readings
from shared.flame.blendshape_response import BlendshapeResponse, load_blendshape_response
from shared.flame.code_basis import CodeBasis
from shared.flame.model import FlameModel
from teacher.residuals.robust import PseudoHuber
from teacher.residuals.units import UnitTerm


@dataclass(frozen=True)
class BlendshapeEvidence:
    """U units of a head that the landmarker's coefficients say something of."""

    readings: Tensor  # (U, E + 5)
    response: BlendshapeResponse  # of the U

    @staticmethod
    def of(model: FlameModel) -> BlendshapeEvidence | None:
        """None where the head has no ARKit units, or nobody measured what the coefficients are worth on it."""
        if model.assets.arkit is None:
            return None
        response = load_blendshape_response(model.assets)
        return None if response is None else BlendshapeEvidence.measured(model, response)

    @staticmethod
    def measured(model: FlameModel, response: BlendshapeResponse) -> BlendshapeEvidence:
        """Of a head with ARKit units, with the response (52) to all of them."""
        used = response.std.isfinite()
        rest = model.v_template
        return BlendshapeEvidence(unit_readings(model)[used], response[used].to(rest.device).to(rest.dtype))

    def with_basis(self, basis: CodeBasis) -> BlendshapeEvidence:
        """The same of reduced codes."""
        return replace(
            self, readings=self.readings @ torch.block_diag(basis.expression, torch.eye(5).to(self.readings))
        )

    def term(self, blendshapes: Tensor, factor: float, kernel: PseudoHuber) -> UnitTerm:
        """Their term of the energy, of coefficients (N, 52); rows that are not finite say nothing.

        ``factor`` is of the measured deviation.
        """
        response = self.response
        seen = blendshapes[:, response.unit]
        known = seen.isfinite()
        return UnitTerm(
            readings=self.readings.expand(len(seen), -1, -1),
            kernel=kernel,
            activation=torch.where(known, response.activation(seen), 0.0),
            std=torch.where(known, factor * response.std, torch.inf),
        )
