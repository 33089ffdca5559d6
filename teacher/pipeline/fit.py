"""Fitting: from observed faces to judged fits, a batch at a time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import torch

from shared.config import QualityConfig
from teacher.fitting.focal import with_focal_lengths
from teacher.observation.face import ObservedFace
from teacher.pipeline.judge import judged
from teacher.pipeline.memory import halves, require_several
from teacher.pipeline.observe import ObservedBatch, evidence_of
from teacher.pipeline.records import FitOutcome, UnfittedFace
from teacher.pipeline.tools import Tools

logger = logging.getLogger(__name__)


def fit_faces(faces: Sequence[ObservedFace], tools: Tools, limits: QualityConfig) -> list[FitOutcome]:
    """Fit a batch and judge each face; `evidence_of` and `fit_observed` in one."""
    return fit_observed(faces, evidence_of(faces, tools), tools, limits) if faces else []


def fit_observed(
    faces: Sequence[ObservedFace], seen: ObservedBatch, tools: Tools, limits: QualityConfig
) -> list[FitOutcome]:
    """Fit a batch and judge each face. A face that breaks the solver breaks no other: the batch is halved until it is
    alone. So it is where the GPU's memory does not suffice; UserError if not even for one face.
    """
    try:
        located, evidence = with_focal_lengths(faces, seen.evidence.to(tools.device), tools.focal)
        return [*judged(located, replace(seen, evidence=evidence), tools.fitter.fit(evidence), tools, limits)]
    except torch.cuda.OutOfMemoryError as error:
        require_several(faces, error)
    except (RuntimeError, ValueError) as error:  # torch's linear algebra raises RuntimeError
        if len(faces) == 1:
            logger.warning("%s: the fit broke down: %s", faces[0].id, error)
            return [UnfittedFace(faces[0])]
    torch.cuda.empty_cache()
    middle = len(faces) // 2
    first, second = halves(faces)
    return fit_observed(first, seen[:middle], tools, limits) + fit_observed(second, seen[middle:], tools, limits)
