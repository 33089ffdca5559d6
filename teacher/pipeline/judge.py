"""Judging: the mesh of each fit, and what the quality gate says of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from shared.config import QualityConfig
from shared.flame.landmarks import N_MEDIAPIPE, OUTER_EYE_CORNERS
from shared.heads.result import all_landmarks_px
from shared.quality.measures import PosedHead
from teacher.evidence.records import FitResult
from teacher.observation.face import ObservedFace
from teacher.pipeline.observe import ObservedBatch
from teacher.pipeline.records import FittedFace
from teacher.pipeline.tools import Tools
from teacher.quality.gate import judge


def judged(
    faces: Sequence[ObservedFace], seen: ObservedBatch, result: FitResult, tools: Tools, limits: QualityConfig
) -> list[FittedFace]:
    """Fits, one a row, with their meshes and what the gate says of them."""
    result = result.detach()
    with torch.no_grad():
        posed = tools.model(result.params)
    result, posed, evidence = result.to("cpu"), posed.to("cpu"), seen.evidence.to("cpu")
    known, embedding = tools.landmarks
    points_m = embedding.positions(posed.verts_m, tools.faces)
    fitted = []
    for row, (face, check) in enumerate(zip(faces, seen.checks, strict=True)):
        one, head = result[row], PosedHead(posed.verts_m[row], posed.joints_m[row])
        verdict = judge(face, one, head, tools.metrics, limits, check)
        right, left = (evidence.landmarks_px[row, corner] for corner in OUTER_EYE_CORNERS)
        dense = None if evidence.dense is None else evidence.dense[row]
        camera = one.camera.warped(face.crop.inverse_affine(), face.camera.size)
        confidence = tools.parts.confidence(head.verts_m, camera, dense, float((right - left).norm()))
        landmarks_px = all_landmarks_px(camera.project(points_m[row]), known, N_MEDIAPIPE)
        fitted.append(FittedFace(face, one, head.verts_m, landmarks_px, verdict, confidence, check))
    return fitted
