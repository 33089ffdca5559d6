"""Every option of the project, as frozen dataclasses: dataclass defaults <- YAML file <- ``key=value``."""

from shared.config.data import (
    EvaluateConfig,
    SyntheticConfig,
)
from shared.config.export import ExportConfig
from shared.config.fit import (
    ClipConfig,
    DenseConfig,
    FitConfig,
    FocalConfig,
    LookupConfig,
    ReferenceConfig,
    RefineConfig,
    SolverConfig,
)
from shared.config.landmarker import LandmarkerBuildConfig
from shared.config.live import (
    InferConfig,
    SmoothConfig,
    TrackConfig,
)
from shared.config.prior import (
    CompactConfig,
    IdentityTrainConfig,
    OverfitConfig,
    PriorAugmentConfig,
    PriorConvertConfig,
    PriorDataConfig,
    PriorEvaluateConfig,
    PriorLossConfig,
    PriorNoiseConfig,
    PriorPredictConfig,
    PriorTrainConfig,
    VitConfig,
)
from shared.config.runs import (
    AblationConfig,
    CameraConfig,
    DemoConfig,
    FitDatasetConfig,
    FitInputConfig,
    FitRunConfig,
    FitViewsConfig,
    ObserveConfig,
    QualityConfig,
)
from shared.config.student import (
    StudentAugmentConfig,
    StudentDataConfig,
    StudentDemoConfig,
    StudentLossConfig,
    StudentNetworkConfig,
    StudentTrainConfig,
)
from shared.config.training import TrainingConfig

__all__ = [
    "AblationConfig",
    "CameraConfig",
    "ClipConfig",
    "CompactConfig",
    "DemoConfig",
    "DenseConfig",
    "EvaluateConfig",
    "ExportConfig",
    "FitConfig",
    "FitDatasetConfig",
    "FitInputConfig",
    "FitRunConfig",
    "FitViewsConfig",
    "FocalConfig",
    "IdentityTrainConfig",
    "InferConfig",
    "LandmarkerBuildConfig",
    "LookupConfig",
    "ObserveConfig",
    "OverfitConfig",
    "PriorAugmentConfig",
    "PriorConvertConfig",
    "PriorDataConfig",
    "PriorEvaluateConfig",
    "PriorLossConfig",
    "PriorNoiseConfig",
    "PriorPredictConfig",
    "PriorTrainConfig",
    "QualityConfig",
    "ReferenceConfig",
    "RefineConfig",
    "SmoothConfig",
    "SolverConfig",
    "StudentAugmentConfig",
    "StudentDataConfig",
    "StudentDemoConfig",
    "StudentLossConfig",
    "StudentNetworkConfig",
    "StudentTrainConfig",
    "SyntheticConfig",
    "TrackConfig",
    "TrainingConfig",
    "VitConfig",
]
