"""What the quality gate says of predicted heads; the same limits as for fits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from shared.config import QualityConfig
from shared.flame.landmark_error import LandmarkError
from shared.quality.checks import head_checks
from shared.quality.gate import Verdict, verdict_of
from shared.quality.measures import HeadMeasures, PosedHead
from shared.quality.metrics import HeadMetrics
from student.head.decoder import HeadDecoder, StudentHeads


class HeadJudge:
    """Of the heads of one model. Building it takes part of a second."""

    def __init__(self, decoder: HeadDecoder, limits: QualityConfig) -> None:
        self._model, self._limits = decoder.model, limits
        self._metrics = HeadMetrics.of(decoder.model)
        self._error = LandmarkError(decoder.known.tolist())

    def __call__(self, heads: StudentHeads, detected_landmarks_px: Tensor) -> Sequence[Verdict[HeadMeasures]]:
        """One verdict a head (B); ``detected_landmarks_px`` (B, 478, 2) in pixels of the full picture."""
        with torch.inference_mode():
            joints = self._model(heads.params).joints_m
            rest = self._model.rest_joints(self._model.coefficients(heads.params))
        verdicts = []
        for row, detected in enumerate(detected_landmarks_px):
            measures = HeadMeasures.of(
                heads.params[row],
                heads.camera[row],
                PosedHead(heads.verts_m[row], joints[row]),
                detected,
                heads.camera.size,
                self._error(heads.mesh_landmarks_px[row].numpy(), detected.numpy()),
                float((rest[row, 3] - rest[row, 4]).norm()),
                self._metrics,
            )
            verdicts.append(verdict_of(heads.params[row], measures, head_checks(measures, self._limits)))
        return verdicts
