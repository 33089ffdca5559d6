"""A hand as a smooth mesh: the level set of rounded bones, once for each posture.

Frame of the hand: metres, origin in the wrist, y towards the fingers, z out of the palm, so that the thumb of a right
hand is at +x. Bones are capsules whose smooth union has no seams.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from skimage.measure import marching_cubes

_VOXEL_M = 0.0050
# Knuckles, the lengths of the three bones and the radius at the knuckle; index to little finger.
_FINGERS = (
    ((0.027, 0.092, 0.000), (0.045, 0.027, 0.021), 0.0104),
    ((0.006, 0.097, -0.002), (0.049, 0.031, 0.022), 0.0106),
    ((-0.014, 0.091, -0.001), (0.045, 0.029, 0.022), 0.0101),
    ((-0.032, 0.080, 0.002), (0.035, 0.021, 0.019), 0.0090),
)
_THUMB = ((0.022, 0.018, 0.008), (0.044, 0.034, 0.028), 0.0140)


@dataclass(frozen=True)
class Posture:
    """How the fingers are bent, degrees."""

    bends: tuple[tuple[float, float, float], ...]  # of the three joints of each finger, towards the palm
    spread: tuple[float, float, float, float]  # of each finger, towards the thumb
    thumb: tuple[tuple[float, float, float], ...]  # directions of its three bones


_BESIDE = ((0.72, 0.62, 0.28), (0.42, 0.88, 0.20), (0.28, 0.94, 0.15))
_AWAY = ((0.82, 0.50, 0.28), (0.80, 0.60, 0.05), (0.74, 0.67, 0.0))
_ACROSS = ((0.60, 0.52, 0.60), (0.02, 0.72, 0.68), (-0.42, 0.75, 0.50))
_OPPOSED = ((0.50, 0.40, 0.78), (0.25, 0.62, 0.74), (0.00, 0.80, 0.60))

POSTURES: Mapping[str, Posture] = MappingProxyType(
    {
        "flat": Posture(((6, 6, 4), (4, 6, 4), (5, 7, 4), (8, 8, 5)), (2, 0, -2, -5), _BESIDE),
        "relaxed": Posture(((16, 22, 12), (20, 26, 14), (24, 30, 16), (28, 32, 18)), (5, 1, -3, -8), _AWAY),
        "cupped": Posture(((30, 32, 16), (34, 34, 18), (36, 36, 18), (38, 34, 18)), (4, 1, -2, -6), _AWAY),
        "spread": Posture(((4, 8, 4), (2, 6, 4), (4, 8, 5), (6, 10, 6)), (13, 3, -9, -22), _AWAY),
        "gap": Posture(((8, 10, 6), (8, 12, 6), (16, 20, 10), (18, 22, 12)), (9, 5, -8, -12), _BESIDE),
        "fist": Posture(((78, 96, 55), (82, 98, 55), (84, 98, 55), (86, 96, 55)), (1, 0, -1, -3), _ACROSS),
        "point": Posture(((12, 14, 8), (70, 90, 50), (76, 94, 52), (78, 92, 52)), (2, 0, -1, -3), _ACROSS),
        "wide grip": Posture(((38, 42, 26), (40, 44, 28), (42, 46, 28), (44, 44, 28)), (4, 1, -3, -7), _OPPOSED),
        "grip": Posture(((62, 78, 42), (64, 80, 42), (66, 80, 42), (68, 78, 42)), (3, 0, -2, -5), _OPPOSED),
    }
)


@dataclass(frozen=True, eq=False)
class HandMesh:
    """A right hand in its own frame."""

    verts_m: np.ndarray  # (V, 3) float32
    faces: np.ndarray  # (F, 3) int64
    normals: np.ndarray  # (V, 3) float32
    redness: np.ndarray  # (V,) float32, over joints and at the finger tips
    nails: np.ndarray  # (V,) float32
    occlusion: np.ndarray  # (V,) float32, share of the ambient light that gets between the fingers


@dataclass(frozen=True, eq=False)
class _Bone:
    start: np.ndarray
    end: np.ndarray
    radii: tuple[float, float]
    back: np.ndarray  # away from the palm

    def distance(self, points: np.ndarray) -> np.ndarray:
        """(N,) signed distance of points (N, 3), negative inside."""
        start, axis = self.start.astype(np.float32), (self.end - self.start).astype(np.float32)
        along = np.clip((points - start) @ (axis / (axis @ axis)), 0, 1)
        near = start + along[:, None] * axis
        radius = self.radii[0] + (self.radii[1] - self.radii[0]) * along
        return np.sqrt(((points - near) ** 2).sum(1)) - radius


@lru_cache(maxsize=len(POSTURES))
def hand_mesh(posture: str) -> HandMesh:
    """The mesh of one of `POSTURES`; about 6000 triangles."""
    fingers = _fingers(POSTURES[posture])
    palm = _palm()
    ends = np.array([end for bones in (*fingers, palm) for bone in bones for end in (bone.start, bone.end)])
    low, high = (ends.min(0) - 0.026).astype(np.float32), (ends.max(0) + 0.026).astype(np.float32)
    axes = [np.arange(a, b, _VOXEL_M).astype(np.float32) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    volume = _distance(points, palm, fingers).reshape([len(axis) for axis in axes])
    verts, faces, _, _ = marching_cubes(volume, 0.0, spacing=(_VOXEL_M,) * 3, gradient_direction="descent")
    verts = verts.astype(np.float32) + low
    for _ in range(2):  # onto the surface itself
        normals = _gradient(verts, palm, fingers)
        verts = verts - _distance(verts, palm, fingers)[:, None] * normals
    normals = _gradient(verts, palm, fingers)
    free = _distance(verts + 0.012 * normals, palm, fingers) / 0.012
    redness, nails = _paint(verts, normals, fingers)
    occlusion = np.clip(0.35 + 0.65 * free, 0.35, 1)
    painted = (array.astype(np.float32) for array in (normals, redness, nails, occlusion))
    return HandMesh(verts, faces.astype(np.int64), *painted)


def _fingers(posture: Posture) -> list[list[_Bone]]:
    chains = []
    for (knuckle, lengths, radius), bends, spread in zip(_FINGERS, posture.bends, posture.spread, strict=True):
        level = np.array([math.sin(math.radians(spread)), math.cos(math.radians(spread)), 0.0])
        bent, directions, backs = 0.0, [], []
        for bend in bends:
            bent += math.radians(bend)
            directions.append(math.cos(bent) * level + math.sin(bent) * np.array([0.0, 0.0, 1.0]))
            backs.append(math.sin(bent) * level - math.cos(bent) * np.array([0.0, 0.0, 1.0]))
        chains.append(_chain(knuckle, lengths, radius, directions, backs))
    start, lengths, radius = _THUMB
    directions = [np.array(direction) / np.linalg.norm(direction) for direction in posture.thumb]
    # The thumb's nail looks outwards, half away from the palm.
    backs = [np.cross(np.cross(d, [0.75, 0.0, -0.66]), d) for d in directions]
    return [*chains, _chain(start, lengths, radius, directions, [back / np.linalg.norm(back) for back in backs])]


def _chain(
    start: Sequence[float],
    lengths: Sequence[float],
    radius: float,
    directions: Sequence[np.ndarray],
    backs: Sequence[np.ndarray],
) -> list[_Bone]:
    bones, place = [], np.array(start)
    for number, (length, direction, back) in enumerate(zip(lengths, directions, backs, strict=True)):
        radii = radius * (1 - 0.115 * number), radius * (1 - 0.115 * (number + 1))
        end = place + direction * (length if number < 2 else length - 0.5 * radii[1])
        bones.append(_Bone(place, end, radii, back))
        place = place + direction * length
    return bones


def _palm() -> list[_Bone]:
    back = np.array([0.0, 0.0, -1.0])

    def bone(start: Sequence[float], end: Sequence[float], first: float, last: float) -> _Bone:
        return _Bone(np.array(start), np.array(end), (first, last), back)

    metacarpals = [
        bone((0.3 * knuckle[0], 0.012, 0.0), knuckle, 0.0165, radius + 0.0025) for knuckle, _, radius in _FINGERS
    ]
    fleshy = [bone((-0.016, 0.016, 0.006), (-0.026, 0.064, 0.005), 0.0170, 0.0125)]
    wrist = [bone((x, 0.012, -0.001), (x, -0.045, -0.002), 0.0185, 0.0195) for x in (-0.0095, 0.0095)]
    return metacarpals + fleshy + wrist


def _distance(points: np.ndarray, palm: Sequence[_Bone], fingers: Sequence[Sequence[_Bone]]) -> np.ndarray:
    """(N,) signed distance. Fingers grow smoothly out of the palm but do not melt into each other."""
    inner = _smooth_union([bone.distance(points) for bone in palm], 0.010)
    total = None
    for bones in fingers:
        finger = _smooth_union([bone.distance(points) for bone in bones], 0.003)
        joined = _smooth_union([inner, finger], 0.007)
        total = joined if total is None else np.minimum(total, joined)
    return inner if total is None else total


def _smooth_union(distances: Sequence[np.ndarray], blend_m: float) -> np.ndarray:
    """Minimum with a fillet of about ``blend_m``."""
    total = distances[0]
    for other in distances[1:]:
        share = np.clip(0.5 + 0.5 * (total - other) / blend_m, 0, 1)
        total = total + (other - total) * share - blend_m * share * (1 - share)
    return total


def _gradient(points: np.ndarray, palm: Sequence[_Bone], fingers: Sequence[Sequence[_Bone]]) -> np.ndarray:
    """(N, 3) unit direction in which the distance grows."""
    step = 6e-4
    slopes = [
        _distance(points + offset, palm, fingers) - _distance(points - offset, palm, fingers)
        for offset in np.eye(3, dtype=np.float32) * step
    ]
    gradient = np.stack(slopes, 1)
    return gradient / np.linalg.norm(gradient, axis=1, keepdims=True).clip(1e-9)


def _paint(verts: np.ndarray, normals: np.ndarray, fingers: Sequence[Sequence[_Bone]]) -> tuple[np.ndarray, np.ndarray]:
    redness, nails = np.zeros(len(verts)), np.zeros(len(verts))
    for bones in fingers:
        for bone in bones:
            at_joint = np.exp(-(((verts - bone.start) ** 2).sum(1)) / (1.4 * bone.radii[0]) ** 2)
            redness = np.maximum(redness, (0.4 + 0.6 * (normals @ bone.back > 0)) * at_joint)
        last = bones[-1]
        axis = (last.end - last.start) / np.linalg.norm(last.end - last.start)
        centre = last.end - 0.15 * last.radii[1] * axis
        along = (verts - centre) @ axis / (0.95 * last.radii[1])
        across = (verts - centre) @ np.cross(axis, last.back) / (0.78 * last.radii[1])
        above = (normals @ last.back > 0.35) & (((verts - centre) @ last.back) > 0)
        nails = np.maximum(nails, above / (1 + np.exp(14 * (along**4 + across**4 - 0.9).clip(-2, 2))))
        tip = np.exp(-(((verts - last.end) ** 2).sum(1)) / (1.5 * last.radii[1]) ** 2)
        redness = np.maximum(redness, 0.8 * tip)
    return redness, nails
