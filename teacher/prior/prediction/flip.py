"""Averaging the prediction for a crop with that for its mirror image.

The two predictions are taken as a mixture with their precisions ``w = exp(-log_var)`` as weights: the mean is
``sum(w x) / sum(w)``, the variance that of the mixture, ``2 / sum(w) + sum(w |x - mean|^2) / sum(w)``. A gain from
averaging is not claimed, as both are by one network of one picture; where they disagree, the variance grows. Without
log-variances both weigh the same.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from shared.geometry.meshes import unit
from teacher.prior.geometry.mirror import Mirror
from teacher.prior.records import PriorInput, PriorMaps, PriorPoints, PriorPrediction


def mirrored_input(inputs: PriorInput, mirror: Mirror) -> PriorInput:
    """The mirrored pictures (..., 3, S, S) with what their landmarks say: as if made from the mirrored photo."""
    size = inputs.image.shape[-1]
    shown = inputs.has_landmarks[..., None, None]
    flipped = inputs.landmark_maps.flip(-1)
    coarse_uv, normal, cover = flipped.split([2, 3, 1], -3)
    return PriorInput(
        image=inputs.image.flip(-1),
        landmarks_px=_mirrored_pixels(inputs.landmarks_px, size)[..., mirror.landmarks, :] * shown,
        landmark_maps=torch.cat([mirror.uv(coarse_uv) * cover, _mirrored_normals(normal), cover], -3),
        has_landmarks=inputs.has_landmarks,
    )


def mirrored_prediction(
    prediction: PriorPrediction, mirror: Mirror, partners: Tensor | None, size: int
) -> PriorPrediction:
    """What the prediction for a mirrored crop says of the crop itself, and the other way round.

    Args:
        prediction: maps (..., H, W) and N points.
        mirror: of the network's head.
        partners: (N,) row of each point's mirrored one, `Mirror.points`; None without points.
        size: of the crop in pixels.
    """
    flipped = prediction.maps.map(lambda values: values.flip(-1))
    maps = replace(
        flipped,
        normal=None if flipped.normal is None else _mirrored_normals(flipped.normal),
        uv=None if flipped.uv is None else mirror.uv(flipped.uv),
    )
    points = prediction.points
    if points is None or partners is None:
        return PriorPrediction(maps)
    swapped = PriorPoints(
        pixel_px=_mirrored_pixels(points.pixel_px, size)[..., partners, :],
        log_var=points.log_var[..., partners],
        visible_logit=points.visible_logit[..., partners],
    )
    return PriorPrediction(maps, swapped)


def average(one: PriorPrediction, other: PriorPrediction) -> PriorPrediction:
    """The mixture of two predictions of the same crops, see the module; logits are averaged."""
    a, b = one.maps, other.maps
    normal, normal_log_var = _mixture(a.normal, b.normal, a.normal_log_var, b.normal_log_var, -3)
    uv, uv_log_var = _mixture(a.uv, b.uv, a.uv_log_var, b.uv_log_var, -3)
    maps = PriorMaps(
        frame=a.frame,
        normal=None if normal is None else unit(normal, -3),
        normal_log_var=normal_log_var,
        uv=uv,
        uv_log_var=uv_log_var,
        part_logits=_middle(a.part_logits, b.part_logits),
    )
    p, q = one.points, other.points
    if p is None or q is None:
        return PriorPrediction(maps)
    pixel, log_var = _mixture(p.pixel_px, q.pixel_px, p.log_var, q.log_var, -1)
    visible = _middle(p.visible_logit, q.visible_logit)
    assert pixel is not None
    assert log_var is not None
    assert visible is not None
    return PriorPrediction(maps, PriorPoints(pixel, log_var, visible))


def _mixture(
    a: Tensor | None, b: Tensor | None, a_log_var: Tensor | None, b_log_var: Tensor | None, dim: int
) -> tuple[Tensor | None, Tensor | None]:
    """Mean and log-variance; the values have a dimension ``dim`` which the log-variances lack."""
    if a is None or b is None:
        return None, None
    if a_log_var is None or b_log_var is None:
        return (a + b) / 2, None
    share = torch.sigmoid(b_log_var - a_log_var)  # w_a / (w_a + w_b)
    mean = b + share.unsqueeze(dim) * (a - b)
    within = torch.exp(b_log_var) * (2 * (1 - share))  # 2 / (w_a + w_b)
    between = share * (1 - share) * (a - b).square().sum(dim)
    return mean, torch.log(within + between)


def _middle(a: Tensor | None, b: Tensor | None) -> Tensor | None:
    return None if a is None or b is None else (a + b) / 2


def _mirrored_pixels(points_px: Tensor, size: int) -> Tensor:
    return points_px * points_px.new_tensor([-1.0, 1.0]) + points_px.new_tensor([float(size), 0.0])


def _mirrored_normals(normal: Tensor) -> Tensor:
    return normal * normal.new_tensor([-1.0, 1.0, 1.0])[:, None, None]  # x is sideways in all three frames
