"""Observing: the evidence of a batch of faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from shared.records.tensor_record import concatenate
from teacher.evidence.records import FaceEvidence, MapCheck
from teacher.observation.face import ObservedFace, batch_evidence
from teacher.pipeline.memory import halves, require_several
from teacher.pipeline.tools import Tools


@dataclass(frozen=True)
class ObservedBatch:
    """What is seen of a batch of faces, one a row."""

    evidence: FaceEvidence
    checks: tuple[MapCheck | None, ...]  # None: no network looked at the face

    def __getitem__(self, rows: slice) -> ObservedBatch:
        """Some of the faces."""
        return ObservedBatch(self.evidence[rows], self.checks[rows])


def evidence_of(faces: Sequence[ObservedFace], tools: Tools) -> ObservedBatch:
    """What is seen of faces, one a row: landmarks, what the networks say of them. On the CPU.

    In halves where the GPU's memory does not suffice; UserError if not even for one face.
    """
    evidence, checks = batch_evidence(faces), (None,) * len(faces)
    pictures = [(face.crop_image, evidence.landmarks_px[row], evidence.camera[row]) for row, face in enumerate(faces)]
    try:
        if tools.prior is not None:
            dense, checks = tools.prior.evidence([face.crop_image for face in faces], evidence)
            evidence = replace(evidence, dense=dense)
        if tools.identity is not None:
            person, moment = tools.identity.predict(pictures, evidence)
            evidence = replace(evidence, identity=person, expression=moment)
        return ObservedBatch(evidence, checks)
    except torch.cuda.OutOfMemoryError as error:
        require_several(faces, error)
    # Not in the handler: what it holds of the failed call is released only after it.
    torch.cuda.empty_cache()
    first, second = (evidence_of(half, tools) for half in halves(faces))
    return ObservedBatch(concatenate([first.evidence, second.evidence]), first.checks + second.checks)
