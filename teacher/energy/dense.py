"""Vertices of a head that the priors predict, as evidence: pixels and normals with their noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from shared.flame.code_basis import CodeBasis
from shared.flame.model import FlameModel
from shared.flame.points import FlamePoints
from shared.flame.tangents import surface_tangents
from shared.geometry.camera import Camera
from shared.geometry.meshes import vertex_normals
from teacher.config import DenseConfig
from teacher.evidence.records import ContourEvidence, DenseEvidence
from teacher.evidence.vertex_noise import VertexNoise
from teacher.residuals.bias import BiasModes, patches, turns
from teacher.residuals.contour import ContourTerm
from teacher.residuals.head_normals import HeadNormalTerm
from teacher.residuals.normals import NormalTerm, Surface
from teacher.residuals.pixels import ErrorFields, PixelTerm
from teacher.residuals.robust import PseudoHuber

PIXEL_BIAS, NORMAL_BIAS = "pixel_bias", "normal_bias"  # variables


@dataclass(frozen=True)
class DenseVertices:
    """N vertices and their systematic errors; noise of pixels is in units of the distance of the outer eye corners."""

    points: FlamePoints
    pixel_modes: BiasModes
    surface: Surface
    config: DenseConfig

    @staticmethod
    def of(model: FlameModel, vertices: Tensor, noise: VertexNoise, config: DenseConfig) -> DenseVertices:
        """The vertices (N,) whose evidence a fit is given, and what its errors have in common."""
        vertices, noise = vertices[:: config.stride], noise[:: config.stride].to(model.v_template.device)
        places, sides = model.v_template[vertices], vertex_normals(model.v_template, model.faces)[vertices]
        pixels = patches(places, config.pixel_bias_std, config.pixel_bias_length_m)
        normals = patches(places, config.normal_bias_std, config.normal_bias_length_m)
        normals = normals + turns(sides, config.normal_turn_std)
        points = FlamePoints.from_vertices(model, vertices, noise.offset_m)
        surface = Surface(surface_tangents(model, vertices), noise.tilt, BiasModes.of(normals, config.bias_modes))
        return DenseVertices(points, BiasModes.of(pixels, config.bias_modes), surface, config)

    def with_basis(self, basis: CodeBasis) -> DenseVertices:
        """The same with points and surface as functions of reduced codes."""
        return replace(self, points=self.points.with_basis(basis), surface=self.surface.with_basis(basis))

    def kept(self, seen: DenseEvidence) -> DenseEvidence:
        """Of (B, N) what is compared; the terms take that."""
        return seen.map(lambda values: values[:, :: self.config.stride])

    def pixel_term(self, seen: DenseEvidence, camera: Camera, scale_px: Tensor) -> PixelTerm:
        """The 2D vertex loss. The network's own deviation counts as many times over as its errors are correlated.

        Args:
            seen: (B) rows.
            camera: (B) rows.
            scale_px: (B,) pixels of the unit of noise.
        """
        floor = scale_px[:, None] * self.config.pixel_std
        remainder = scale_px[:, None] * self.pixel_modes.remainder
        std_px = ((self.config.pixel_factor * seen.pixel_std_px) ** 2 + floor**2 + remainder**2).sqrt()
        kernel = PseudoHuber(self.config.robust_threshold)
        shared = ErrorFields(PIXEL_BIAS, self.pixel_modes.in_pixels(scale_px))
        return PixelTerm(self.points, kernel, camera, seen.pixel_px, std_px, shared)

    def normal_term(self, seen: DenseEvidence) -> NormalTerm | HeadNormalTerm:
        """The normal loss, (B) rows."""
        config, surface = self.config, self.surface
        std = ((config.normal_factor * seen.normal_std) ** 2 + config.normal_std**2 + surface.modes.remainder**2).sqrt()
        term = NormalTerm(surface, NORMAL_BIAS, PseudoHuber(config.robust_threshold), seen.normal, std)
        return HeadNormalTerm(term) if seen.normal_frame == "head" else term

    def contour_term(self, seen: ContourEvidence, camera: Camera, scale_px: Tensor) -> ContourTerm:
        """The silhouette, (B) rows."""
        std_px = torch.where(seen.found, scale_px[:, None] * self.config.contour_std, torch.inf)
        kernel = PseudoHuber(self.config.robust_threshold)
        return ContourTerm(self.points, kernel, camera, seen.line_px, seen.direction, std_px)
