"""From a predicted UV map to where given points of the head are in the picture: the inverse of what the map says.

For each point the pixel whose UV is nearest, then, to a fraction of a pixel, where a plane through the UVs around it
takes the point's value. It needs the predicted map alone, no mesh and no rasteriser.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.records import TensorRecord
from shared.synthetic.scene import Part
from teacher.prior.records import PriorMaps

_HEAD = (Part.SKIN, Part.BROWS, Part.NECK)  # parts whose pixels the UV map is trained on
_STRIDE = 2  # pixels between those that are searched: the refinement looks at all
_CHUNK = {"cpu": 1 << 17}  # distances held at once: what stays in the processor's cache, three times as fast
_CHUNK_ELSEWHERE = 1 << 25
_LOOKS = 3  # refinements, each around the place that the last one found
_FLAT = 1e-9  # squared UV a pixel, product of both directions: below, the plane has no slope to follow


@dataclass(frozen=True)
class Found(TensorRecord):
    """Where N points of the head are. Where ``valid`` is False the map does not show them; the rest is then no use."""

    pixel_px: Tensor  # (..., N, 2) pixels of the map
    weight: Tensor  # (..., N) mean weight of the pixels it rests on
    uv_distance: Tensor  # (..., N) between the point and the map's UV at that pixel
    px_per_uv: Tensor  # (..., N) length of the step in pixels for one in UV, root mean square of all directions
    valid: Tensor  # (..., N) bool


def trust(maps: PriorMaps) -> Tensor:
    """(..., H, W) weight of each pixel of a UV map: 1 / variance, where the parts say that the head is seen.

    What the network does not predict is left out; all alike if it predicts neither.
    """
    assert maps.uv is not None
    weight = torch.ones_like(maps.uv[..., 0, :, :]) if maps.uv_log_var is None else torch.exp(-maps.uv_log_var)
    if maps.part_logits is None:
        return weight
    part = maps.part_logits.argmax(-3)
    return weight * torch.isin(part, torch.tensor(_HEAD, device=part.device))


def look_up(uv: Tensor, weight: Tensor, wanted: Tensor, gate: float = 0.02, radius: int = 3) -> Found:
    """Find points of the head in a UV map.

    Args:
        uv: (..., 2, H, W).
        weight: (..., H, W) trust in each pixel, such as 1 / variance; pixels of weight 0 don't exist.
        wanted: (N, 2) UV of the points.
        gate: UV distance beyond which a pixel says nothing of a point; 0.01 is 6.6 mm on the open head's face.
        radius: the plane is fitted to the pixels that are so far away at most, along rows and columns.
    """
    leading, (height, width) = uv.shape[:-3], uv.shape[-2:]
    uv, weight = uv.reshape(-1, 2, height, width).float(), weight.reshape(-1, height, width).float()
    place, distance = _nearest(uv, weight, wanted)
    near = _Plane.empty(place)
    valid = distance < gate
    for _ in range(_LOOKS):
        near = _Plane.fit(uv, weight, wanted, place, gate, radius)
        step = near.zero.clamp(-radius, radius)
        valid &= near.sound
        place = torch.where(valid[..., None], place + step, place)
    distance = _distance_at(uv, weight, wanted, place)  # large where the plane led out of what the map shows
    found = Found(place, near.weight, distance, near.px_per_uv, valid & (distance < gate))
    return found.map(lambda values: values.reshape(*leading, *values.shape[1:]))


def _nearest(uv: Tensor, weight: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (B, N, 2) of the searched pixel of nearest UV, and that UV distance (B, N); infinite if there is none."""
    first = _STRIDE // 2
    u, v = (uv[:, axis, first::_STRIDE, first::_STRIDE].flatten(1)[:, None] for axis in (0, 1))  # (B, 1, P)
    unsure = torch.where(weight[:, first::_STRIDE, first::_STRIDE] > 0, 0.0, torch.inf).flatten(1)[:, None]
    count = max(1, _CHUNK.get(uv.device.type, _CHUNK_ELSEWHERE) // u.numel())
    nearest = [
        # Not by a matrix product, whose rounding is as large as the squared distances.
        ((u - some[:, :1]).square_().add_((v - some[:, 1:]).square_()).add_(unsure)).min(-1)
        for some in wanted.split(count)
    ]
    squared, index = (torch.cat(parts, 1) for parts in zip(*nearest, strict=True))
    columns = uv[0, 0, first::_STRIDE, first::_STRIDE].shape[1]
    grid = torch.stack([index % columns, index // columns], -1)
    return grid * float(_STRIDE) + (first + 0.5), squared.sqrt()


def _distance_at(uv: Tensor, weight: Tensor, wanted: Tensor, place: Tensor) -> Tensor:
    """UV distance (B, N) of each point to the pixel at its place (B, N, 2); infinite if there is none."""
    height, width = uv.shape[-2:]
    column, row = place.floor().long().unbind(-1)
    index = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
    here = uv.flatten(2).gather(2, index[:, None].expand(-1, 2, -1))  # (B, 2, N)
    exists = _inside(place, height, width) & (weight.flatten(1).gather(1, index) > 0)
    return torch.where(exists, (here - wanted.T).norm(dim=1), torch.inf)


@dataclass(frozen=True)
class _Plane(TensorRecord):
    """UV less the wanted one as a linear function of the pixel, around B x N places."""

    zero: Tensor  # (B, N, 2) where it is zero, pixels from the place
    weight: Tensor  # (B, N)
    px_per_uv: Tensor  # (B, N)
    sound: Tensor  # (B, N) bool: enough pixels that agree

    @staticmethod
    def empty(place: Tensor) -> _Plane:
        none = torch.zeros_like(place[..., 0])
        return _Plane(torch.zeros_like(place), none, none, none > 0)

    @staticmethod
    def fit(uv: Tensor, weight: Tensor, wanted: Tensor, place: Tensor, gate: float, radius: int) -> _Plane:
        """Weighted least squares in closed form over the window around each place (B, N, 2)."""
        height, width = uv.shape[-2:]
        axis = torch.arange(-radius, radius + 1, device=uv.device)
        offset = torch.cartesian_prod(axis, axis).flip(-1)  # (K, 2) x, y
        pixel = place.floor().long()[..., None, :] + offset  # (B, N, K, 2)
        inside = _inside(pixel, height, width)
        column, row = pixel[..., 0].clamp(0, width - 1), pixel[..., 1].clamp(0, height - 1)
        index = (row * width + column).flatten(1)

        def around(values: Tensor) -> Tensor:  # (B, H, W) -> (B, N, K)
            return values.flatten(1).gather(1, index).view_as(row)

        error = torch.stack([around(uv[:, 0]), around(uv[:, 1])], -1) - wanted[:, None]
        # Beyond the gate is another part of the head, as at the side of the nose.
        w = around(weight) * (inside & (error.square().sum(-1) < gate**2))
        total = w.sum(-1)
        share = (w / total.clamp_min(1e-30)[..., None])[..., None]
        spot = pixel + 0.5 - place[..., None, :]
        middle, level = (share * spot).sum(-2), (share * error).sum(-2)
        spot, error = spot - middle[..., None, :], error - level[..., None, :]
        xx, yy = (share * spot.square()).sum(-2).unbind(-1)
        xy = (share[..., 0] * spot[..., 0] * spot[..., 1]).sum(-1)
        spread = xx * yy - xy**2
        cross = (share[..., None] * error[..., :, None] * spot[..., None, :]).sum(-3)  # (B, N, uv, xy)
        by_x, by_y = cross.unbind(-1)
        safe = torch.where(spread > 0, spread, 1)[..., None]
        slope_x = (by_x * yy[..., None] - by_y * xy[..., None]) / safe  # (B, N, 2) UV a pixel along x
        slope_y = (by_y * xx[..., None] - by_x * xy[..., None]) / safe
        det = slope_x[..., 0] * slope_y[..., 1] - slope_x[..., 1] * slope_y[..., 0]
        safe = torch.where(det.abs() > _FLAT, det, 1)
        x = (level[..., 1] * slope_y[..., 0] - level[..., 0] * slope_y[..., 1]) / safe
        y = (level[..., 0] * slope_x[..., 1] - level[..., 1] * slope_x[..., 0]) / safe
        steepness = (slope_x.square() + slope_y.square()).sum(-1)  # of the inverse slope too, over det^2
        sound = (spread > 0.25) & (det.abs() > _FLAT)
        px_per_uv = (steepness / 2).sqrt() / safe.abs()
        mean_weight = (w.square().sum(-1) / total.clamp_min(1e-30)) * sound
        return _Plane(middle + torch.stack([x, y], -1), mean_weight, px_per_uv, sound)


def _inside(pixel: Tensor, height: int, width: int) -> Tensor:
    """(..., 2) -> (...) bool."""
    return (pixel >= 0).all(-1) & (pixel[..., 0] < width) & (pixel[..., 1] < height)
