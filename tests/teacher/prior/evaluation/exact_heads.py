"""Real heads whose truth is exact: faces of `plain_set`, and what any head shows of itself."""

from __future__ import annotations

from functools import cache

import torch

from shared.evaluate.faces import TrueFace, now_landmarks, skin_samples
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from shared.geometry.meshes import vertex_normals
from shared.render.maps import render_maps
from teacher.prior.evaluation.real_score import PredictedMaps
from teacher.prior.evaluation.real_set import judge_of
from teacher.prior.evaluation.real_truth import RealTruth, real_truth
from tests.evaluate import plain_set

SIDE = 448
CAMERA = Camera.at_origin(torch.tensor(1000.0), (SIDE, SIDE))
WHOLE = torch.eye(3)[:2]
judge = cache(lambda: judge_of(plain_set.model().assets))


@cache
def exact_truth(index: int) -> RealTruth:
    """Of a face whose laid head is exact, with the smooth normals that maps have."""
    model, params = plain_set.model(), plain_set.params(index)
    verts, _ = plain_set.meshes(index)
    samples = skin_samples(model.assets, 3000)
    normals = samples.positions(vertex_normals(verts, model.faces), model.faces).float()
    face = TrueFace(samples.positions(verts, model.faces).float(), normals, now_landmarks(verts, model.assets))
    return real_truth(model, params, face, CAMERA)


def maps_of(verts_m: torch.Tensor, crop: Crop | None = None) -> PredictedMaps:
    """What a head shows, in the whole picture or in a crop, and all its vertices."""
    assets = plain_set.model().assets
    camera = CAMERA if crop is None else CAMERA.warped(crop.affine, crop.size)
    maps = render_maps(verts_m, assets.faces, camera, assets.uv, assets.uv_faces)
    affine = WHOLE if crop is None else crop.affine
    points = CAMERA.project(verts_m)
    return PredictedMaps(affine, maps.normal, maps.uv, maps.mask, points, torch.arange(len(points)))
