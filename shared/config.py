"""Every option of the project, as frozen dataclasses: dataclass defaults <- YAML file <- ``key=value``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def option(default: Any, help: str) -> Any:
    """A field with its default and the line that the usage prints for it."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class SolverConfig:
    """Levenberg-Marquardt."""

    max_steps: int = option(30, "steps at most, accepted or not")
    damping: float = option(1e-3, "initial lambda, relative to the diagonal of J^T J")
    tolerance: float = option(1e-5, "stop when a step lowers the energy by less than this share")


@dataclass(frozen=True)
class FitConfig:
    """The landmark fit. Each term has one weight, the standard deviation of what it measures.

    Landmark deviations are in units of the distance of the outer eye corners.
    """

    landmark_std: float = option(0.01, "landmark noise that is independent from point to point")
    landmark_bias_std: float = option(0.03, "landmark noise that whole patches of the face share")
    landmark_bias_length_m: float = option(0.03, "distance over which that shared noise is correlated, metres")
    contour_factor: float = option(2.0, "the noise of points on the face's silhouette is this many times larger")
    hidden_factor: float = option(5.0, "the noise of points that face away from the camera is this many times larger")
    robust_threshold: float = option(3.0, "deviations beyond this many standard deviations count linearly")
    shape_std: float = option(1.0, "prior on each shape code")
    expression_std: float = option(1.0, "prior on each expression code")
    eyelid_std: float = option(0.3, "prior on the eyelids")
    jaw_std: tuple[float, float, float] = option((0.2, 0.05, 0.05), "prior on the jaw: opening, sideways, roll; rad")
    neck_std: float = option(0.05, "prior on the neck, rad; landmarks cannot tell it from the head's rotation")
    eye_std: float = option(0.2, "prior on each eyeball's rotation, rad")
    basis_tolerance_m: float = option(2e-4, "codes that move the landmarks by less than this (rms, metres) stay zero")
    solver: SolverConfig = field(default_factory=SolverConfig)
