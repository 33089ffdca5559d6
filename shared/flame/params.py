"""The parameters of one FLAME head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.records.tensor_record import TensorRecord


@dataclass(frozen=True)
class FlameParams(TensorRecord):
    """Everything that places one head in the world frame; rotations are axis-angle in radians.

    ``x_world = R(global_rot) (x_head - root) + root + translation``, where ``root`` is the root joint of the shaped
    head, as in SMPL and FLAME.
    """

    shape: Tensor  # (..., S) identity codes, unit variance
    expression: Tensor  # (..., E) expression codes
    global_rot: Tensor  # (..., 3) head to world, about the root joint
    neck: Tensor  # (..., 3)
    jaw: Tensor  # (..., 3)
    eyes: Tensor  # (..., 2, 3) subject's left eye first
    translation: Tensor  # (..., 3) metres, world frame
    eyelids: Tensor  # (..., 2) closure of the subject's left and right upper lid; 0 as in the model, 1 shut

    @staticmethod
    def neutral(
        n_shape: int,
        n_expression: int,
        batch: Sequence[int] = (),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> FlameParams:
        """The mean head at the origin, all coefficients zero."""

        def zeros(*trailing: int) -> Tensor:
            return torch.zeros(*batch, *trailing, device=device, dtype=dtype)

        return FlameParams(
            shape=zeros(n_shape),
            expression=zeros(n_expression),
            global_rot=zeros(3),
            neck=zeros(3),
            jaw=zeros(3),
            eyes=zeros(2, 3),
            translation=zeros(3),
            eyelids=zeros(2),
        )
