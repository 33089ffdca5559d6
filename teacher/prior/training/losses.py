"""What a prior network is trained for: close normals, UV, parts and points, and honest uncertainties of each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from shared.flame.schema import FlameAssets
from shared.records.tensor_record import TensorRecord
from teacher.config import PriorLossConfig
from teacher.prior.geometry.texels import Texels
from teacher.prior.records import UNKNOWN_PART, PriorMaps, PriorPoints, PriorPrediction, PriorTarget, TargetMaps

UV_MM = 660.0  # millimetres on the face for a step of 1 in the open head's UV; on FLAME's it is about the same
_REFERENCE_PX = 256.0  # points count in pixels of a crop of this size, whatever the size
_COARSE = 0.5  # weight of the points' first estimate
_EPS = 1e-6
_TEXELS = 512
# By value of `Part`: 1 / sqrt(share of a portrait's pixels), at most 12. Eyes, mouth and brows are 0.3 % of them.
_PART_SHIFT = 0.5  # of their logarithm, see `_map_terms`
_PART_WEIGHTS = (0.6, 1.3, 12.0, 12.0, 12.0, 1.6, 2.0, 1.3, 2.8)


@dataclass(frozen=True)
class FaceRegion(TensorRecord):
    """Which places of a head are of its face."""

    texture: Tensor  # (T, T) bool over the head's texture
    points: Tensor  # (N,) bool of the network's points

    @staticmethod
    def of(assets: FlameAssets, vertices: Tensor | None) -> FaceRegion:
        """All of it where the head's file does not say."""
        face = assets.regions.get("face", torch.ones(assets.n_vertices, dtype=torch.bool))
        texture = face[assets.faces].all(1)[Texels.of(assets, _TEXELS).face_index]
        return FaceRegion(texture, face[:0] if vertices is None else face[vertices.cpu()])

    @staticmethod
    def everywhere(points: int) -> FaceRegion:
        """All is face."""
        return FaceRegion(torch.ones(1, 1, dtype=torch.bool), torch.ones(points, dtype=torch.bool))

    def holds(self, uv: Tensor) -> Tensor:
        """UV (B, 2, H, W) -> (B, H, W) bool."""
        side = len(self.texture)
        column, row = (uv.detach() * side).long().clamp(0, side - 1).unbind(1)
        return self.texture[row, column]


def prior_loss(
    prediction: PriorPrediction, target: PriorTarget, weights: PriorLossConfig, face: FaceRegion
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum of the terms of what the network predicts, and each term, detached, for the log.

    Maps are compared at a quarter of the pixels, every second row and column from a random one of four first pixels:
    neighbours say much the same, and full maps cost a fifth of the training time on a CPU.

    What is hidden counts too, for less: a network that never had to infer would be as sure there as anywhere. So does
    what is beyond the face: where a neck turns no landmark says, and its errors would drown those of the face.

    Distances are plain norms (the paper's choice), averaged over the pixels where the masks allow them. An uncertainty
    is judged by the likelihood of the error under a Laplace distribution of that variance; the error itself is cut from
    the gradient there, or the variance would grow instead of the error shrinking.
    """
    row, column = torch.randint(2, (2,)).tolist()
    terms, doubts = _map_terms(
        prediction.maps.map(lambda t: t[..., row::2, column::2]), target.maps(row, column, 2), weights, face
    )
    seen_px = None
    if prediction.points is not None:
        scale = _REFERENCE_PX / target.part.shape[-1]
        of_points, doubt, seen_px = _point_terms(prediction.points, target, weights, face, scale)
        terms |= of_points
        doubts = [*doubts, doubt]
    if doubts:
        terms["log_var"] = torch.stack(doubts).sum()
    total = torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
    log = {name: term.detach() for name, term in terms.items()} | {"total": total.detach()}
    if "normal" in log:  # of a chord, in the mean; good for a log
        log["normal_deg"] = torch.rad2deg(2 * torch.asin((log["normal"] / 2).clamp(max=1)))
    if "uv" in log:
        log["uv_mm"] = log["uv"]
    if seen_px is not None:
        log["points_px"] = seen_px.detach()
    return total, log


def _map_terms(
    maps: PriorMaps, target: TargetMaps, weights: PriorLossConfig, face: FaceRegion
) -> tuple[dict[str, Tensor], list[Tensor]]:
    terms: dict[str, Tensor] = {}
    doubts = []
    share = torch.where(face.holds(target.uv), 1.0, weights.beyond)
    hidden = weights.hidden * target.hidden
    if maps.normal is not None:
        error, weight = _length(maps.normal - target.normal, 1), (target.normal_mask + hidden) * share
        terms["normal"] = _mean(error, weight)
        if maps.normal_log_var is not None:
            doubts.append(_mean(_laplace(error, maps.normal_log_var), weight))
    if maps.uv is not None:
        error, weight = _length(maps.uv - target.uv, 1), (target.uv_mask + hidden) * share
        terms["uv"] = _mean(error, weight) * UV_MM
        if maps.uv_log_var is not None:
            doubts.append(_mean(_laplace(error, maps.uv_log_var), weight))
    if maps.part_logits is not None:
        known = target.part != UNKNOWN_PART
        wanted = torch.where(known, target.part, 0).long()
        by_part = torch.tensor(_PART_WEIGHTS, device=wanted.device)
        # Under weights w the best logits are those of w p(part), and thin parts come out fat. With log w added here the
        # network's own are of p (Menon et al., "Long-tail learning via logit adjustment", 2021); half of it suits the
        # overlap by which parts are judged.
        logits = maps.part_logits + _PART_SHIFT * by_part.log()[:, None, None]
        terms["part"] = _mean(functional.cross_entropy(logits, wanted, reduction="none"), known * by_part[wanted])
    return terms, doubts


def _point_terms(
    points: PriorPoints, target: PriorTarget, weights: PriorLossConfig, face: FaceRegion, scale: float
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """The terms, the likelihood of the uncertainties, and the mean distance of seen points in pixels."""
    weight = torch.where(target.points_visible, 1.0, weights.hidden) * target.points_known
    weight = weight * torch.where(face.points, 1.0, weights.beyond)
    error = _length(points.pixel_px - target.points_px, -1)
    distance = _mean(error, weight) * scale
    if points.coarse_px is not None:
        distance = distance + _COARSE * scale * _mean(_length(points.coarse_px - target.points_px, -1), weight)
    shown = target.points_visible.to(points.visible_logit)
    visible = functional.binary_cross_entropy_with_logits(points.visible_logit, shown, reduction="none")
    terms = {"points": distance, "visible": _mean(visible, target.points_known)}
    seen_px = _mean(error, target.points_visible & target.points_known & face.points) * scale
    return terms, _mean(_laplace(error, points.log_var), weight), seen_px


def _laplace(error: Tensor, log_var: Tensor) -> Tensor:
    """Negative log-likelihood of an error's length, but for a constant."""
    return math.sqrt(2) * error.detach() * torch.exp(-log_var / 2) + log_var / 2


def _length(difference: Tensor, dim: int) -> Tensor:
    return (difference.square().sum(dim) + _EPS**2).sqrt()


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    weight = weight.to(values.dtype)
    return (torch.where(weight > 0, values, 0) * weight).sum() / weight.sum().clamp(min=1)
