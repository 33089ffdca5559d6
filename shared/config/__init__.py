"""Options of what both modes share, and how a command reads its options: defaults <- YAML file <- ``key=value``."""

from shared.config.camera import CameraConfig, ObserveConfig
from shared.config.data import EvaluateConfig, RenderIctConfig, SyntheticConfig
from shared.config.landmarker import LandmarkerBuildConfig
from shared.config.open_head import (
    CompareUnitsConfig,
    ExpressionCalibrationConfig,
    HeadCalibrationConfig,
    OpenHeadBuildConfig,
)
from shared.config.quality import QualityConfig
from shared.config.refine import RefineConfig
from shared.config.training import TrainingConfig

__all__ = [
    "CameraConfig",
    "CompareUnitsConfig",
    "EvaluateConfig",
    "ExpressionCalibrationConfig",
    "HeadCalibrationConfig",
    "LandmarkerBuildConfig",
    "ObserveConfig",
    "OpenHeadBuildConfig",
    "QualityConfig",
    "RefineConfig",
    "RenderIctConfig",
    "SyntheticConfig",
    "TrainingConfig",
]
