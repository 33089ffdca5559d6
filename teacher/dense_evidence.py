"""Vertices of a head that the priors tell of, as evidence: pixels and normals with their noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from shared.config import DenseConfig
from shared.flame.code_basis import CodeBasis
from shared.flame.model import FlameModel
from shared.flame.points import FlamePoints
from shared.flame.tangents import surface_tangents
from shared.geometry.camera import Camera
from teacher.evidence import DenseEvidence
from teacher.residuals.bias import BiasModes
from teacher.residuals.normals import NormalTerm
from teacher.residuals.pixels import PixelTerm
from teacher.residuals.robust import PseudoHuber

PIXEL_BIAS = "pixel_bias"  # variable


@dataclass(frozen=True)
class DenseVertices:
    """N vertices; noise of pixels is in units of the distance of the outer eye corners."""

    vertices: Tensor  # (N,) int64
    points: FlamePoints
    tangents: FlamePoints
    modes: BiasModes
    config: DenseConfig

    @staticmethod
    def of(model: FlameModel, vertices: Tensor, config: DenseConfig) -> DenseVertices:
        """The vertices whose evidence a fit is given."""
        points = FlamePoints.from_vertices(model, vertices)
        modes = BiasModes.of(points.rest_positions(), config.bias_std, config.bias_length_m, config.bias_modes)
        return DenseVertices(vertices, points, surface_tangents(model, vertices), modes, config)

    def with_basis(self, basis: CodeBasis) -> DenseVertices:
        """The same with points and tangents as functions of reduced codes."""
        return replace(self, points=self.points.with_basis(basis), tangents=self.tangents.with_basis(basis))

    def pixel_term(self, seen: DenseEvidence, camera: Camera, scale_px: Tensor) -> PixelTerm:
        """The 2D vertex loss. The network's own deviation counts as many times over as its errors are correlated.

        Args:
            seen: (B) rows.
            camera: (B) rows.
            scale_px: (B,) pixels of the unit of noise.
        """
        floor = scale_px[:, None] * self.config.pixel_std
        remainder = scale_px[:, None] * self.modes.remainder
        std_px = ((self.config.pixel_factor * seen.pixel_std_px) ** 2 + floor**2 + remainder**2).sqrt()
        kernel = PseudoHuber(self.config.robust_threshold)
        return PixelTerm(self.points, self.modes, PIXEL_BIAS, kernel, camera, seen.pixel_px, std_px, scale_px)

    def normal_term(self, seen: DenseEvidence) -> NormalTerm:
        """The normal loss, (B) rows."""
        std = ((self.config.normal_factor * seen.normal_std) ** 2 + self.config.normal_std**2).sqrt()
        return NormalTerm(self.tangents, PseudoHuber(self.config.robust_threshold), seen.normal_world, std)
