"""Options of any training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.config.option import option, require_positive


@dataclass(frozen=True)
class TrainingConfig:
    """What `shared.training` goes by; what is trained on what is added by each command."""

    out: str = option("???", "folder for checkpoints, weights, TensorBoard; the same command goes on where it stopped")
    batch_size: int = option(32, "crops a step and process")
    steps: int = option(20_000, "optimiser steps")
    minutes: float | None = option(None, "instead of steps: end after so long, with the schedule stretched to it")
    learning_rate: float = option(2e-3, "of the head")
    backbone_factor: float = option(1.0, "learning rate of the backbone over that of the head; 0.1 if pretrained")
    weight_decay: float = option(0.02, "of matrices and kernels, not of biases and norms")
    warmup_steps: int = option(300, "of linear growth, before the cosine")
    gradient_norm: float = option(2.0, "longer gradients are shortened to this")
    ema: float = option(0.999, "decay of the averaged weights, which are those that are validated and kept")
    precision: Literal["auto", "fp32", "bf16"] = option(
        "auto", "bf16: autocast; auto: bf16 on CUDA, where it is faster"
    )
    compile: bool = option(False, "torch.compile the network")
    seed: int = option(0, "of everything random")
    workers: int = option(2, "processes that read and vary samples")
    save_steps: int = option(500, "steps between checkpoints")
    picture_steps: int = option(500, "steps between TensorBoard pictures")
    validation_steps: int = option(2000, "steps between validations")
    validation: int = option(100, "pictures of the synthetic benchmark to validate on; 0: none")
    device: str = option("auto", "auto, cpu, cuda, ...; auto takes a GPU where there is one")
    overwrite: bool = option(False, "delete what an earlier run left in out")

    def __post_init__(self) -> None:
        require_positive(self, "batch_size", "steps", "save_steps", "picture_steps", "validation_steps")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must lie in [0, 1), got {self.ema}")
