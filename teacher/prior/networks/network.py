"""What every prior network is: an `nn.Module` from `PriorInput` to `PriorPrediction`, with what one must know of it."""

from __future__ import annotations

from torch import Tensor, nn

from teacher.prior.records import Frame, PriorInput, PriorPrediction


class PriorNetwork(nn.Module):
    """Base of both families.

    Images come in as RGB in [0, 1]: a network normalises them itself. Outputs are float32 whatever autocast does.
    """

    size: int  # S, height and width of its crops in pixels
    frame: Frame  # of its normals
    backbone: nn.Module  # its parameters learn at a rate of their own
    sees_landmarks: bool  # whether it looks at what the landmarks say
    refines_fit: bool = False  # whether that is a head fitted to them, instead of an interpolation of them

    @property
    def vertices(self) -> Tensor | None:
        """(N,) int64 the head's vertices whose pixels it predicts; None if it does not."""
        return None

    @property
    def predicts(self) -> frozenset[str]:
        """Which of "normal" and "uv" are among its maps."""
        return frozenset({"normal", "uv"})

    def forward(self, inputs: PriorInput) -> PriorPrediction:
        """Crops (B, ...) -> predictions (B, ...)."""
        raise NotImplementedError
