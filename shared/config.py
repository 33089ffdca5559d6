"""Every option of the project, as frozen dataclasses: dataclass defaults <- YAML file <- ``key=value``."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SolverConfig:
    """Levenberg-Marquardt."""

    max_steps: int = 30
    damping: float = 1e-3  # initial lambda, relative to the diagonal of J^T J
    tolerance: float = 1e-5  # stop when a step lowers the energy by less than this share


@dataclass(frozen=True)
class FitConfig:
    """The landmark fit. One weight a term, as the standard deviation of its residual where it has one."""

    solver: SolverConfig = field(default_factory=SolverConfig)
