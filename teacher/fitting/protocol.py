"""What a fitter is, for those who use one."""

from __future__ import annotations

from typing import Protocol

from shared.flame.params import FlameParams
from teacher.evidence.records import FaceEvidence, FitResult
from teacher.fitting.fitter import ParameterSharing


class Fitter(Protocol):
    """Anything that fits faces, as `HeadFitter` does."""

    def fit(self, evidence: FaceEvidence) -> FitResult:
        """One row a face."""
        ...

    def fit_together(self, evidence: FaceEvidence, sharing: ParameterSharing) -> FitResult:
        """One row a picture, of persons and moments that they share."""
        ...

    def initial_params(self, evidence: FaceEvidence) -> FlameParams:
        """Where the fit starts, one row a face."""
        ...
