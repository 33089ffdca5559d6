"""Every option of the project, as frozen dataclasses: dataclass defaults <- YAML file <- ``key=value``."""

from shared.config.data import (
    EvaluateConfig,
    SyntheticConfig,
)
from shared.config.fit import (
    ClipConfig,
    DenseConfig,
    FitConfig,
    FocalConfig,
    LookupConfig,
    ReferenceConfig,
    SolverConfig,
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
    PriorPredictConfig,
    PriorTrainConfig,
    VitConfig,
)
from shared.config.runs import (
    AblationConfig,
    DemoConfig,
    FitDatasetConfig,
    FitInputConfig,
    FitRunConfig,
    FitViewsConfig,
    ObserveConfig,
    QualityConfig,
)

__all__ = [
    "AblationConfig",
    "ClipConfig",
    "CompactConfig",
    "DemoConfig",
    "DenseConfig",
    "EvaluateConfig",
    "FitConfig",
    "FitDatasetConfig",
    "FitInputConfig",
    "FitRunConfig",
    "FitViewsConfig",
    "FocalConfig",
    "IdentityTrainConfig",
    "LookupConfig",
    "ObserveConfig",
    "OverfitConfig",
    "PriorAugmentConfig",
    "PriorConvertConfig",
    "PriorDataConfig",
    "PriorEvaluateConfig",
    "PriorLossConfig",
    "PriorPredictConfig",
    "PriorTrainConfig",
    "QualityConfig",
    "ReferenceConfig",
    "SolverConfig",
    "SyntheticConfig",
    "VitConfig",
]
