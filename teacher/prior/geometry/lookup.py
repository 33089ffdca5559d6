"""From a predicted UV map to where given points of the head are in the picture: the inverse of what the map says.

One pass over the map: every pixel offers itself to the point whose UV is nearest to its own, and the nearest pixel
offered to a point is its place. Around it a plane through the UVs says, to a fraction of a pixel, where the map takes
the point's value. It needs the predicted map alone, no mesh and no rasteriser.

`nearest_pixels` is the paper's lookup: whole pixels, all of them alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from shared.flame.segmentation import Part
from shared.records.tensor_record import TensorRecord
from teacher.prior.geometry.parts import is_one_of
from teacher.prior.records import PriorMaps

_HEAD = (Part.SKIN, Part.BROWS, Part.NECK)  # parts whose pixels the UV map is trained on
_TEXELS = 512  # 1.3 mm on the face: which of two points is nearer matters little where both are as near
_LOOKS = 2  # refinements, each around the place that the last one found
_SPREAD = 0.05  # product of both variances of the pixels that a plane rests on, less those in line; 3 x 3 have 0.44
_FLAT = 1e-9  # squared UV a pixel, product of both directions: below, the plane has no slope to follow
_NOTHING = torch.iinfo(torch.int64).max


@dataclass(frozen=True)
class UvIndex:
    """N points of a head by their UV, made once for any number of maps."""

    wanted: Tensor  # (N, 2) UV of the points
    nearest: Tensor  # (T, T) int64, which of them is nearest to each texel of the texture

    @staticmethod
    def of(wanted: Tensor) -> UvIndex:
        """Of points (N, 2); takes a fraction of a second."""
        centre = (np.arange(_TEXELS) + 0.5) / _TEXELS
        texels = np.stack(np.meshgrid(centre, centre), -1).reshape(-1, 2)
        _, nearest = KDTree(wanted.cpu().numpy()).query(texels)
        return UvIndex(wanted, torch.from_numpy(nearest).reshape(_TEXELS, _TEXELS).to(wanted.device))

    def nearest_to(self, uv: Tensor) -> Tensor:
        """(..., 2, H, W) -> (..., H, W) int64, the point nearest to each pixel's UV."""
        column, row = (uv * _TEXELS).long().clamp_(0, _TEXELS - 1).unbind(-3)
        return self.nearest[row, column]


@dataclass(frozen=True)
class Found(TensorRecord):
    """Where N points of the head are. Where ``valid`` is False the map does not show them; the rest is then no use."""

    pixel_px: Tensor  # (..., N, 2) pixels of the map
    weight: Tensor  # (..., N) mean weight of the pixels it rests on
    uv_distance: Tensor  # (..., N) between the point and the map's UV at that pixel
    px_per_uv: Tensor  # (..., N) length of the step in pixels for one in UV, root mean square of all directions
    valid: Tensor  # (..., N) bool


def trust(maps: PriorMaps, std: float = 1.0) -> Tensor:
    """(..., H, W) weight of each pixel of a UV map: 1 / variance, where the parts say that the head is seen.

    A map that does not say how sure it is has deviations of ``std``; without parts, all pixels count.
    """
    assert maps.uv is not None
    log_var = maps.uv_log_var
    weight = torch.full_like(maps.uv[..., 0, :, :], std**-2) if log_var is None else torch.exp(-log_var)
    if maps.part_logits is None:
        return weight
    return weight * is_one_of(maps.part_logits, _HEAD)


def nearest_pixels(uv: Tensor, weight: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """For each point (N, 2) the centre (N, 2) of the pixel of nearest UV, and that UV distance (N,).

    Pixels of a map (2, H, W) whose weight (H, W) is 0 don't exist; without any the distance is infinite.
    """
    width = uv.shape[-1]
    exists = (weight.flatten() > 0).nonzero()[:, 0]
    if not len(exists):
        return torch.zeros_like(wanted), torch.full_like(wanted[:, 0], torch.inf)
    tree = KDTree(uv.flatten(1).T[exists].numpy(), balanced_tree=False, compact_nodes=False)
    distance, place = tree.query(wanted.numpy())
    index = exists[torch.from_numpy(place)]
    return torch.stack([index % width, index // width], -1) + 0.5, torch.from_numpy(distance).to(wanted)


@dataclass(frozen=True)
class Expected:
    """Where points may be at all."""

    pixel_px: Tensor  # (N, 2) pixels of the map; infinite for a point that cannot be seen
    reach_px: float  # so far from there at most


def look_up(
    uv: Tensor, weight: Tensor, index: UvIndex, gate: float = 0.02, radius: int = 1, expected: Expected | None = None
) -> Found:
    """Find points of the head in a UV map.

    Args:
        uv: (..., 2, H, W).
        weight: (..., H, W) trust in each pixel, such as 1 / variance; pixels of weight 0 don't exist.
        index: of the points, N.
        gate: UV distance beyond which a pixel says nothing of a point; 0.01 is 6.6 mm on the open head's face.
        radius: the plane is fitted to the pixels that are so far away at most, along rows and columns.
        expected: where to look, the same for all maps; None: everywhere.
    """
    leading, (height, width) = uv.shape[:-3], uv.shape[-2:]
    uv, weight = uv.reshape(-1, 2, height, width).float(), weight.reshape(-1, height, width).float()
    maps, points, pixel = _offered(uv, weight, index, gate, expected)
    place = torch.stack([pixel % width, pixel // width], -1) + 0.5
    window = _Window(uv.flatten(2), weight.flatten(1), (height, width), gate, radius)
    wanted = index.wanted[points]
    valid = torch.ones_like(points, dtype=torch.bool)
    plane = window.fit(maps, wanted, place)
    for look in range(_LOOKS):
        if look:
            plane = window.fit(maps, wanted, place)
        valid &= plane.sound
        place = torch.where(valid[:, None], place + plane.zero.clamp(-radius, radius), place)
    distance = window.distance(maps, wanted, place)  # large where the plane led out of what the map shows
    valid &= distance < gate

    def everywhere(values: Tensor) -> Tensor:
        filled = values.new_zeros(len(uv), len(index.wanted), *values.shape[1:])
        filled[maps, points] = values
        return filled.reshape(*leading, *filled.shape[1:])

    return Found(place, plane.weight, distance, plane.px_per_uv, valid).map(everywhere)


def _offered(
    uv: Tensor, weight: Tensor, index: UvIndex, gate: float, expected: Expected | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Map, point and pixel (M,) of the points to which a pixel within the gate offers itself; its nearest one each."""
    point = index.nearest_to(uv)  # (B, H, W)
    near = index.wanted[point]  # (B, H, W, 2)
    squared = (uv[:, 0] - near[..., 0]).square_().add_((uv[:, 1] - near[..., 1]).square_())
    maps, row, column = ((weight > 0) & (squared < gate**2)).nonzero(as_tuple=True)
    if expected is not None:
        away = expected.pixel_px[point[maps, row, column]] - torch.stack([column, row], -1) - 0.5
        kept = away.square().sum(-1) < expected.reach_px**2
        maps, row, column = maps[kept], row[kept], column[kept]
    # Bits of floats that are not negative have their order; below them the pixel, for one answer where two are as near.
    rank = squared[maps, row, column].view(torch.int32).long() << 32 | (row * uv.shape[-1] + column)
    count = len(index.wanted)
    best = torch.full((len(uv) * count,), _NOTHING, device=uv.device)
    best.scatter_reduce_(0, maps * count + point[maps, row, column], rank, "amin")
    taken = (best < _NOTHING).nonzero()[:, 0]
    return taken // count, taken % count, best[taken] & 0xFFFFFFFF


@dataclass(frozen=True)
class _Plane:
    """UV less the wanted one as a linear function of the pixel, around M places."""

    zero: Tensor  # (M, 2) where it is zero, pixels from the place
    weight: Tensor  # (M,)
    px_per_uv: Tensor  # (M,)
    sound: Tensor  # (M,) bool: enough pixels that agree


@dataclass(frozen=True)
class _Window:
    """The pixels of B maps around places."""

    uv: Tensor  # (B, 2, P)
    weight: Tensor  # (B, P)
    size: tuple[int, int]
    gate: float
    radius: int

    def distance(self, maps: Tensor, wanted: Tensor, place: Tensor) -> Tensor:
        """UV distance (M,) of points (M, 2) to the pixels at places (M, 2) of maps (M,); infinite if there is none."""
        pixel, inside = self._pixel(*place.floor().long().unbind(-1))
        here = self.uv[maps, :, pixel]
        exists = inside & (self.weight[maps, pixel] > 0)
        return torch.where(exists, (here - wanted).norm(dim=1), torch.inf)

    def fit(self, maps: Tensor, wanted: Tensor, place: Tensor) -> _Plane:
        """Weighted least squares in closed form over the window around each place, arguments as in `distance`."""
        axis = torch.arange(-self.radius, self.radius + 1, device=place.device)
        offset = torch.cartesian_prod(axis, axis)  # (K, 2) y, x
        column, row = (place.floor().long()[:, axis, None] + offset[:, 1 - axis] for axis in (0, 1))  # (M, K)
        pixel, inside = self._pixel(column, row)
        u, v = (self.uv[maps[:, None], axis, pixel] - wanted[:, axis, None] for axis in (0, 1))
        # Beyond the gate is another part of the head, as at the side of the nose.
        w = self.weight[maps[:, None], pixel] * (inside & (u.square() + v.square() < self.gate**2))
        total = w.sum(-1, keepdim=True).clamp_min(1e-30)
        share = w / total
        x, y = (at + 0.5 - place[:, axis, None] for axis, at in enumerate((column, row)))

        def mean(values: Tensor) -> Tensor:
            return (share * values).sum(-1, keepdim=True)

        x0, y0, u0, v0 = (mean(values) for values in (x, y, u, v))
        x, y, u, v = x - x0, y - y0, u - u0, v - v0
        xx, xy, yy = mean(x * x), mean(x * y), mean(y * y)
        spread = xx * yy - xy**2
        level = torch.cat([u0, v0], 1)
        by_x, by_y = torch.cat([mean(u * x), mean(v * x)], 1), torch.cat([mean(u * y), mean(v * y)], 1)
        safe = torch.where(spread > 0, spread, 1)
        slope_x = (by_x * yy - by_y * xy) / safe  # (M, 2) UV a pixel along x
        slope_y = (by_y * xx - by_x * xy) / safe
        det = slope_x[:, 0] * slope_y[:, 1] - slope_x[:, 1] * slope_y[:, 0]
        safe = torch.where(det.abs() > _FLAT, det, 1)
        step_x = (level[:, 1] * slope_y[:, 0] - level[:, 0] * slope_y[:, 1]) / safe
        step_y = (level[:, 0] * slope_x[:, 1] - level[:, 1] * slope_x[:, 0]) / safe
        steepness = (slope_x.square() + slope_y.square()).sum(-1)  # of the inverse slope too, over det^2
        sound = (spread[:, 0] > _SPREAD) & (det.abs() > _FLAT)
        zero = torch.stack([x0[:, 0] + step_x, y0[:, 0] + step_y], -1)
        return _Plane(zero, (share * w).sum(-1) * sound, (steepness / 2).sqrt() / safe.abs(), sound)

    def _pixel(self, column: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        """Place in a flat map, the nearest one where it is outside, and whether it is inside."""
        height, width = self.size
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        return row.clamp(0, height - 1) * width + column.clamp(0, width - 1), inside
