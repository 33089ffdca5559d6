"""Where the head ends: the open edge of its neck, and the strip of triangles that leads from it to even columns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.geometry.meshes import unit
from shared.synthetic.scene.scene import PosedHead

_EVEN = 16  # rounds of smoothing of the direction in which the skin goes on: a few last triangles may flare out


def open_loops(faces: Tensor) -> list[list[int]]:
    """Closed vertex loops along the edges that only one of the triangles (F, 3) uses, in the triangles' direction."""
    edges = {(a, b) for row in faces.tolist() for a, b in zip(row, row[1:] + row[:1], strict=True)}
    after = {a: b for a, b in edges if (b, a) not in edges}
    loops: list[list[int]] = []
    while after:
        start, vertex = after.popitem()
        loop = [start]
        while vertex != start and vertex in after:
            loop.append(vertex)
            vertex = after.pop(vertex)
        loops.append(loop)
    return loops


def neck_loop(assets: FlameAssets) -> Tensor:
    """(N,) the lowest open loop of the head, from its front over the subject's left, on the CPU.

    ValueError if there is none.
    """
    loops = [torch.tensor(loop) for loop in open_loops(assets.faces) if len(loop) > 7]
    if not loops:
        raise ValueError(f"head {assets.name!r} has no open edge below the neck that a body could be joined to")
    template = assets.v_template.cpu()
    loop = min(loops, key=lambda rows: float(template[rows, 1].mean()))
    place = template[loop] - template[loop].mean(0)
    azimuth = torch.atan2(place[:, 0], place[:, 2])
    turn = torch.remainder(azimuth.roll(-1) - azimuth + torch.pi, 2 * torch.pi) - torch.pi
    if turn.sum() < 0:
        loop, azimuth = loop.flip(0), azimuth.flip(0)
    return loop.roll(-int(azimuth.abs().argmin()))


@dataclass(frozen=True, eq=False)
class NeckEdge:
    """The loop, and M stations on it: the columns of everything below."""

    loop: Tensor  # (N,) int64 vertices of the head
    before: Tensor  # (M,) int64 rows of ``loop``: a station lies between this vertex and the next
    after: Tensor  # (M,) int64
    share: Tensor  # (M, 1) of the next
    strip: Tensor  # (N + M, 3) int64 triangles between the loop (rows 0..N-1) and the next ring (N..N+M-1)

    @staticmethod
    def of(assets: FlameAssets, columns: int) -> NeckEdge:
        """Stations at even distances on the template's loop; on the CPU, whatever the device of ``assets``."""
        loop = neck_loop(assets)
        place = assets.v_template.cpu()[loop]
        length = (place.roll(-1, 0) - place).norm(dim=1).cumsum(0)
        start = torch.cat([length.new_zeros(1), length[:-1]])
        at = torch.arange(columns) * (length[-1] / columns)
        before = (torch.searchsorted(start, at, right=True) - 1).clamp(0)
        share = (at - start[before]) / (length[before] - start[before]).clamp_min(1e-9)
        strip = _zip_rings(start / length[-1], torch.arange(columns) / columns)
        return NeckEdge(loop, before, (before + 1) % len(loop), share[:, None], strip)

    def stations(self, values: Tensor) -> Tensor:
        """Values (V, C) of the head's vertices -> (M, C)."""
        on_loop = values[self.loop.to(values.device)]
        before, after, share = (x.to(values.device) for x in (self.before, self.after, self.share))
        return torch.lerp(on_loop[before], on_loop[after], share)

    def frame(self, head: PosedHead) -> tuple[Tensor, Tensor, Tensor]:
        """(M, 3) places, unit normals and unit directions in which the skin leaves the head; world."""
        place = self.stations(head.verts_m)
        normal = unit(self.stations(head.normals))
        along = unit(smoothed(place.roll(-1, 0) - place.roll(1, 0), 2))
        return place, normal, unit(smoothed(torch.linalg.cross(along, normal), _EVEN))


def smoothed(values: Tensor, rounds: int) -> Tensor:
    """(M, C) around a ring, each round mixed with its neighbours by 1/4, 1/2, 1/4."""
    for _ in range(rounds):
        values = 0.5 * values + 0.25 * (values.roll(1, 0) + values.roll(-1, 0))
    return values


def _zip_rings(upper: Tensor, lower: Tensor) -> Tensor:
    """(N + M, 3) between two rings by their vertices' shares (N,), (M,) of the way around, both from 0."""
    n, m = len(upper), len(lower)
    a, b = [*upper.tolist(), 1.0], [*lower.tolist(), 1.0]
    i, j, rows = 0, 0, []
    while i < n or j < m:
        if j == m or (i < n and a[i + 1] <= b[j + 1]):
            rows.append((i, n + j % m, (i + 1) % n))
            i += 1
        else:
            rows.append((i % n, n + j, n + (j + 1) % m))
            j += 1
    return torch.tensor(rows)
