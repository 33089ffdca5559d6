"""Options of the student's commands, as frozen dataclasses."""

from student.config.export import ExportConfig
from student.config.live import InferConfig, SmoothConfig, TrackConfig
from student.config.training import (
    StudentAugmentConfig,
    StudentDataConfig,
    StudentDemoConfig,
    StudentLossConfig,
    StudentNetworkConfig,
    StudentTrainConfig,
)

__all__ = [
    "ExportConfig",
    "InferConfig",
    "SmoothConfig",
    "StudentAugmentConfig",
    "StudentDataConfig",
    "StudentDemoConfig",
    "StudentLossConfig",
    "StudentNetworkConfig",
    "StudentTrainConfig",
    "TrackConfig",
]
