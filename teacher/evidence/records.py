"""What the fit sees of a face, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from shared.flame.params import FlameParams
from shared.geometry.camera import Camera
from shared.records.tensor_record import TensorRecord
from teacher.prior.map_quality.checks import MapWarning

# "head": the head's own axes, without its neck's rotation, as in Pixel3DMM's released networks.
NormalFrame = Literal["world", "head"]


@dataclass(frozen=True)
class ContourEvidence(TensorRecord):
    """Where the silhouette passes the vertices that lie on the rim of the head."""

    line_px: Tensor  # (..., N, 2) crop pixels, its nearest place
    direction: Tensor  # (..., N, 2) unit, across it
    found: Tensor  # (..., N) bool: on the rim, with the silhouette near


@dataclass(frozen=True)
class DenseEvidence(TensorRecord):
    """Where N vertices of the head are seen, and which way the surface faces there.

    A vertex that is not seen has infinite deviations, and any finite values.
    """

    pixel_px: Tensor  # (..., N, 2) crop pixels
    pixel_std_px: Tensor  # (..., N) standard deviation of the distance to the truth
    normal: Tensor  # (..., N, 3) unit
    normal_std: Tensor  # (..., N) standard deviation of its angle, radians
    normal_frame: NormalFrame = "world"
    contour: ContourEvidence | None = None  # None: the silhouette is not known


@dataclass(frozen=True)
class IdentityEvidence(TensorRecord):
    """What one picture says of its person's shape codes, along directions that the fitter knows."""

    mean: Tensor  # (..., D)
    std: Tensor  # (..., D)


@dataclass(frozen=True)
class ExpressionEvidence(TensorRecord):
    """What one picture says of the expression of its moment, as independent Gaussians."""

    mean: Tensor  # (..., E) expression codes along directions that the fitter knows
    std: Tensor  # (..., E)
    jaw_mean: Tensor  # (..., 3) axis-angle
    jaw_std: Tensor  # (..., 3)


@dataclass(frozen=True)
class MapCheck:
    """How far what the networks say of one face can be believed; plain numbers for the gate and the report."""

    warnings: tuple[MapWarning, ...]  # empty if nothing is wrong
    found: float  # share of the looked-up vertices that have a pixel
    uv_distance: tuple[float, ...]  # quantiles 0, 5, ... 100 % of the UV distance from those to their pixel


@dataclass(frozen=True)
class FaceEvidence(TensorRecord):
    """One face a row, in the pixels of its square crop."""

    landmarks_px: Tensor  # (..., 478, 2) MediaPipe's points in crop pixels
    camera: Camera  # crop camera, world frame as in `Camera.at_origin`; its intrinsics are taken as known
    dense: DenseEvidence | None = None  # at the fitter's vertices
    identity: IdentityEvidence | None = None  # None: the mean head is expected
    expression: ExpressionEvidence | None = None  # None: the neutral one is expected
    blendshapes: Tensor | None = None  # (..., 52) the landmarker's coefficients; a row that is not finite says nothing
    seen: Tensor | None = None  # (...) bool: False where there is no face; the rest then says nothing. None: all seen


@dataclass(frozen=True)
class TermEnergies(TensorRecord):
    """How much each term of the energy has left at the end of a fit."""

    names: tuple[str, ...]  # E
    energy: Tensor  # (..., E) half the squared residuals, robust, over their deviations

    @staticmethod
    def of(energies: Mapping[str, Tensor], rows: Tensor) -> TermEnergies:
        """Of energies (P,) by name, for some ``rows`` (N,) of them."""
        return TermEnergies(tuple(energies), torch.stack(list(energies.values()), -1)[rows])

    def __getitem__(self, index: Any) -> Any:
        """Some rows, as of every record; by a name, the energies (...) of one term."""
        if isinstance(index, str):
            return self.energy[..., self.names.index(index)]
        return super().__getitem__(index)


@dataclass(frozen=True)
class FitResult(TensorRecord):
    """One fitted face a row."""

    params: FlameParams
    camera: Camera  # the crop camera of the evidence
    landmark_error: Tensor  # (...) mean distance to the inner landmarks / distance of the outer eye corners
    eye_distance_m: Tensor  # (...) distance of the eyeball centres of the fitted head
    code_rms: Tensor  # (..., 2) root mean square of shape and expression in standard deviations
    energy: Tensor  # (...) final energy of the person, over all its pictures
    terms: TermEnergies  # the same term by term
    steps: Tensor  # (...) int64, accepted Levenberg-Marquardt steps
    converged: Tensor  # (...) bool
