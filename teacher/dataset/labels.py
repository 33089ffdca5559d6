"""From fits that passed the gate to rows of a label shard."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from shared.flame.model import FlameModel
from shared.labels.shard import Cameras, LabelShard, empty_shard
from shared.landmarker.blendshapes import stack_blendshapes
from shared.records.tensor_record import stack
from teacher.pipeline.records import FittedFace


def no_labels(model: FlameModel, vertices: bool) -> LabelShard:
    """No rows; with room for meshes if ``vertices``."""
    return empty_shard(model.n_shape, model.n_expression, model.assets.n_vertices if vertices else None)


def labels_of(fitted: Sequence[FittedFace], vertices: bool) -> LabelShard:
    """One row a face; the camera is that of the full picture."""
    blendshapes = stack_blendshapes([one.face for one in fitted])
    results = stack([one.result for one in fitted])
    crops = stack([one.face.crop for one in fitted])
    return LabelShard(
        ids=tuple(one.face.id for one in fitted),
        focal_sources=tuple(one.face.focal_source for one in fitted),
        params=results.params,
        cameras=Cameras.of([one.camera for one in fitted]),
        crop_affine=crops.affine,
        crop_size=torch.tensor([crops.size] * len(fitted)),
        detected_landmarks_px=torch.stack([one.face.landmarks_px for one in fitted]),
        confidence=torch.stack([one.confidence for one in fitted]),
        quality=torch.tensor([one.verdict.quality for one in fitted]),
        landmark_error=torch.tensor([one.verdict.measures.landmark_error for one in fitted]),
        eye_distance_m=results.eye_distance_m,
        code_rms=results.code_rms,
        drift=torch.tensor([one.verdict.measures.drift for one in fitted]),
        map_found=torch.tensor([one.verdict.measures.map_found or 0.0 for one in fitted]),
        blendshapes=None if blendshapes is None else torch.from_numpy(blendshapes),
        verts_m=torch.stack([one.verts_m for one in fitted]) if vertices else None,
    )
