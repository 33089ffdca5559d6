"""Options of what builds the open head, and of what measures real people for them."""

from __future__ import annotations

from dataclasses import dataclass

from shared.config.loading import REQUIRED
from shared.config.option import option, require_not_negative, require_positive

SCAN_MODEL = "ICT-FaceKit packed in one .npz"
SEED = "of the draw of people"


@dataclass(frozen=True)
class OpenHeadBuildConfig:
    """`python -m shared.flame.open_head`."""

    out: str = option(REQUIRED, "file of the head; MakeHuman's base mesh on it is written beside it")


@dataclass(frozen=True)
class HeadCalibrationConfig:
    """`python -m shared.flame.open_head.calibration`."""

    ict: str = option(REQUIRED, SCAN_MODEL)
    people: int = option(300, "random people of the scan model, 2 or more")
    seed: int = option(20, SEED)
    out: str | None = option(None, "file of the calibration; without it the packaged one")

    def __post_init__(self) -> None:
        require_not_negative(self, "seed")
        if self.people < 2:
            raise ValueError(f"people must be at least 2, got {self.people}")


@dataclass(frozen=True)
class ExpressionCalibrationConfig:
    """`python -m shared.flame.open_head.expression_calibration`."""

    ict: str = option(REQUIRED, SCAN_MODEL)
    people: int = option(11, "random people of the scan model, beside its average")
    faces: int = option(1200, "random faces from which the second moment of the expressions is estimated")
    seed: int = option(1, SEED)
    out: str | None = option(None, "file of the calibration; without it the packaged one")

    def __post_init__(self) -> None:
        require_not_negative(self, "people", "seed")
        require_positive(self, "faces")


@dataclass(frozen=True)
class CompareUnitsConfig:
    """`python -m shared.flame.open_head.expression_calibration.compare_units`."""

    ict: str = option(REQUIRED, SCAN_MODEL)
    people: int = option(5, "random people of the scan model, beside its average")
    seed: int = option(1, SEED)

    def __post_init__(self) -> None:
        require_not_negative(self, "people", "seed")
