"""Clothes as grids in the coordinates of the body's surface: the way along it from the head's edge, and the height
above it. So one description fits every body and pose."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.geometry.meshes import unit
from shared.synthetic.body.edge import smoothed
from shared.synthetic.body.look import Neckline, Piece
from shared.synthetic.body.trunk_mesh import Bust, ring_faces
from shared.synthetic.scene.scene import PosedHead

_SHEET_ROWS = 15
JAW_GAP_M = 0.012  # that stays free below the jaw
_JAW_REACH_M = 0.085  # around the middle of the jaw, beyond which cloth may rise
_CHIN, _FOREHEAD, _JAW_CORNERS = 152, 10, (172, 397)


@dataclass(frozen=True, eq=False)
class Jaw:
    """The plane through chin and jaw corners, below which cloth stays. World frame."""

    chin_m: Tensor  # (3,)
    middle_m: Tensor  # (3,)
    down: Tensor  # (3,) unit

    @staticmethod
    def of(head: PosedHead) -> Jaw:
        """Of the posed head: it follows an opening mouth."""
        marks = head.landmarks_m()
        chin, corners = marks[_CHIN], marks[list(_JAW_CORNERS)]
        down = unit(torch.linalg.cross(corners[0] - chin, corners[1] - chin))
        down = down * torch.sign((chin - marks[_FOREHEAD]) @ down)
        return Jaw(chin, (2 * corners.mean(0) + chin) / 3, down)

    def depth_m(self, places: Tensor) -> Tensor:
        """Depth (...) of places (..., 3) below the jaw; more beside it."""
        offset = places - self.middle_m
        beside = (offset - (offset @ self.down)[..., None] * self.down).square().sum(-1).sqrt()
        return (places - self.chin_m) @ self.down + 1.5 * (beside - _JAW_REACH_M).clamp_min(0)

    def pushed_below(self, places: Tensor) -> Tensor:
        """Places (..., 3), those close under the chin moved down to a gap below it."""
        return places + (JAW_GAP_M - self.depth_m(places)).clamp_min(0)[..., None] * self.down


@dataclass(frozen=True, eq=False)
class ClothGrid:
    """One laid piece."""

    verts_m: Tensor  # (K * M, 3) world
    faces: Tensor  # (F, 3)
    uv_m: Tensor  # (K * M, 2)


def lay(piece: Piece, bust: Bust, jaw: Jaw) -> ClothGrid:
    """Put one piece on."""
    along, height = _FORMS[piece.form](piece, bust)
    places = _places(bust, along, height)
    if piece.form == "sheet":
        places = _draped(places)
    places = jaw.pushed_below(places)
    uv = _cut_uv(places, bust) if piece.form in ("sheet", "lapels") else _wound_uv(along, height, bust)
    return ClothGrid(places.flatten(0, 1), ring_faces(*places.shape[:2]).to(places.device), uv.flatten(0, 1))


def neckline_m(line: Neckline, bust: Bust) -> Tensor:
    """(M,) way from the head's edge to the edge of the cloth."""
    front, side, back = _front_side_back(bust.azimuth, line.pointed)
    return bust.along_m[bust.root_row] + line.front_m * front + line.side_m * side + line.back_m * back


def _front_side_back(azimuth: Tensor, pointed: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """(M,) weights, sum 1."""
    angle = torch.remainder(azimuth + math.pi, 2 * math.pi) - math.pi
    # Columns spread out on the way down, so that a straight edge is a curve over the azimuth.
    front = (1 - angle.abs() / 1.57).clamp_min(0) ** 3 if pointed else angle.cos().clamp_min(0) ** 2
    back = (-angle.cos()).clamp_min(0) ** 2
    return front, 1 - front - back, back


def _sheet(piece: Piece, bust: Bust) -> tuple[Tensor, Tensor]:
    """From the neckline down, with a rim that is turned in."""
    top = neckline_m(piece.neckline, bust)
    share = torch.linspace(0, 1, _SHEET_ROWS, device=top.device)[:, None] ** 1.2
    along = torch.lerp(top[None], bust.along_m[-1][None], share)
    height = piece.lift_m + 0.006 * share.sqrt() + torch.zeros_like(along)
    rim = torch.stack([top + 0.006, top])
    return torch.cat([rim, along]), torch.cat([torch.stack([0 * top, 0 * top]), height])


def _roll(piece: Piece, bust: Bust) -> tuple[Tensor, Tensor]:
    """A tube around the neck, folded over."""
    top = neckline_m(piece.neckline, bust)
    rise, lift = 0.062 * piece.size, piece.lift_m
    rows = [(0.012, 0.001), (0.0, 0.004), (-0.4, 0.007), (-0.9, 0.007), (-1.0, 0.005), (-0.9, 0.001), (-0.6, -0.003)]
    return _profile([(offset * rise if k > 1 else offset, lift + h) for k, (offset, h) in enumerate(rows)], top)


def _collar(piece: Piece, bust: Bust) -> tuple[Tensor, Tensor]:
    """A stand and what falls over it, open in front with two points."""
    top = neckline_m(piece.neckline, bust)
    front, _, _ = _front_side_back(bust.azimuth, pointed=True)
    angle = torch.remainder(bust.azimuth + math.pi, 2 * math.pi) - math.pi
    open_in_front = ((angle.abs() - 0.10) / 0.28).clamp(0, 1)
    stand = 0.030 * piece.size * open_in_front
    fall = stand + (0.010 + 0.030 * front) * piece.size * ((angle.abs() - 0.12) / 0.1).clamp(0, 1)
    lift = piece.lift_m
    along = torch.stack([top + 0.004, top, top - 0.6 * stand, top - stand, top - stand, top - stand + 0.5 * fall])
    along = torch.cat([along, (top - stand + fall + 0.006)[None], (top - stand + fall + 0.004)[None]])
    height = along.new_tensor([-0.003, 0.001, 0.003, 0.004, 0.008, 0.012, 0.010, 0.004])[:, None] + lift
    return along, height.expand_as(along)


def _hood(piece: Piece, bust: Bust) -> tuple[Tensor, Tensor]:
    """A soft bulge that lies on the back and ends in front."""
    top = neckline_m(piece.neckline, bust)
    front, _, back = _front_side_back(bust.azimuth)
    thick = (0.012 + 0.016 * (1 - front) + 0.028 * back) * piece.size
    width = 0.016 + 0.026 * (1 - front) + 0.045 * back
    turn = torch.linspace(-0.1, math.pi, 9, device=top.device)[:, None]
    along = top + width * (0.35 - 1.0 * turn.cos())
    return along, piece.lift_m - 0.004 + thick * turn.sin()


def _lapels(piece: Piece, bust: Bust) -> tuple[Tensor, Tensor]:
    """A band along the opening, widest on the chest."""
    top = neckline_m(piece.neckline, bust)
    front, side, _ = _front_side_back(bust.azimuth, pointed=True)
    width = (0.030 + 0.035 * (4 * front * (1 - front)) + 0.004 * side) * piece.size
    lift = piece.lift_m
    along = torch.stack([top + 0.01, top - 0.002, top + 0.3 * width, top + 0.98 * width, top + width])
    height = along.new_tensor([-0.004, 0.003, 0.006, 0.006, -0.002])[:, None] + lift
    return along, height.expand_as(along)


def _scarf(piece: Piece, bust: Bust) -> tuple[Tensor, Tensor]:
    """A thick wrap, uneven around the neck."""
    top = neckline_m(piece.neckline, bust)
    shift = 20 * piece.fabric.shift_m[0]
    uneven = 1 + 0.14 * (2 * bust.azimuth + shift).sin() + 0.08 * (5 * bust.azimuth + 2 * shift).sin()
    thick = 0.021 * piece.size * uneven
    turn = torch.linspace(0, 2 * math.pi, 13, device=top.device)[:, None]
    crease = 1 - 0.16 * (1 + (3 * turn + bust.azimuth + shift).cos()) / 2
    along = top - 0.006 - 1.35 * thick * turn.cos() * crease
    return along, piece.lift_m + thick * (0.75 + turn.sin() * crease)


_FORMS = {"sheet": _sheet, "roll": _roll, "collar": _collar, "hood": _hood, "lapels": _lapels, "scarf": _scarf}


def _profile(rows: list[tuple[float, float]], top: Tensor) -> tuple[Tensor, Tensor]:
    """The same section everywhere: (way from the neckline, height) of each row."""
    table = top.new_tensor(rows)
    return top + table[:, :1], table[:, 1:].expand(-1, len(top))


def _places(bust: Bust, along: Tensor, height: Tensor) -> Tensor:
    """(K, M, 3) world. Above the head's edge the neck is taken to go on straight."""
    ways = bust.along_m.T.contiguous()
    below = torch.searchsorted(ways, along.T.contiguous()).T.clamp(1, len(bust.along_m) - 1)
    start, end = bust.along_m.gather(0, below - 1), bust.along_m.gather(0, below)
    share = ((along - start) / (end - start)).clamp(0, 1)[..., None]
    column = torch.arange(along.shape[1], device=along.device).expand_as(below)
    place = torch.lerp(bust.grid_m[below - 1, column], bust.grid_m[below, column], share)
    normal = torch.lerp(bust.grid_normals[below - 1, column], bust.grid_normals[below, column], share)
    axis = unit(bust.leaving.mean(0))
    down = unit(bust.leaving + 3 * axis)
    # On the neck cloth stands off across the axis, however the skin is modelled there.
    across = unit(bust.grid_m[0] - bust.grid_m[0].mean(0))
    across = unit(across - (across @ axis)[:, None] * axis)
    near_edge = (1 - along / 0.03).clamp(0, 1)[..., None]
    normal = unit(torch.lerp(normal, across.expand_as(normal), near_edge))
    return place + along.clamp_max(0)[..., None] * down + height[..., None] * normal


def _draped(places: Tensor) -> Tensor:
    """A sheet (K, M, 3) that bridges hollows as cloth does: where its neighbours lie further out, so does it."""
    rim, body = places[:2], places[2:]
    for _ in range(2):
        rows = torch.cat([body[:1], (body[:-2] + 2 * body[1:-1] + body[2:]) / 4, body[-1:]])
        even = smoothed(rows.transpose(0, 1), 2).transpose(0, 1)
        step_down = torch.cat([body[1:2] - body[:1], body[2:] - body[:-2], body[-1:] - body[-2:-1]])
        out = unit(torch.linalg.cross(step_down, body.roll(-1, 1) - body.roll(1, 1)))
        lift = ((even - body) * out).sum(-1, keepdim=True).clamp(0, 0.01)
        lift[:2] = 0
        body = body + lift * out
    return torch.cat([rim, body])


def _cut_uv(places: Tensor, bust: Bust) -> Tensor:
    """(K, M, 2) metres on cloth cut from a front and a back: across, and down."""
    local = (places - bust.T_world_trunk[:3, 3]) @ bust.T_world_trunk[:3, :3]
    x, y, z = local.unbind(-1)
    return torch.stack([x - 0.6 * (x / 0.06).tanh() * (z - 0.1), -y], -1)


def _wound_uv(along: Tensor, height: Tensor, bust: Bust) -> Tensor:
    """(K, M, 2) metres on cloth wound around the neck."""
    step = torch.hypot(along.diff(dim=0), height.diff(dim=0))
    way = torch.cat([torch.zeros_like(along[:1]), step.cumsum(0)])
    return torch.stack([(0.08 * bust.azimuth).expand_as(way), way], -1)
