"""Anthropometric lengths of a head as linear functionals at the mean, and their published adult values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.flame.open_head import eyes
from shared.flame.open_head.loops import HeadLoops
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.topology import Topology

# Adults of both sexes, millimetres: mean, standard deviation. Rounded from the commonly quoted anthropometric
# tables (Farkas 1994; ANSUR; Gordon et al. 1989), pooled over sex.
ADULTS_MM = {
    "interpupillary": (63.0, 3.6),
    "head_breadth": (152.0, 6.0),
    "head_length": (195.0, 8.0),
    "nasion_menton": (117.0, 7.0),
    "head_height": (225.0, 10.0),
    "bizygomatic": (138.0, 6.0),
    "eye_fissure": (30.0, 1.5),
    "intercanthal": (32.0, 2.5),
    "eye_aperture": (10.2, 1.0),
    "mouth_width": (51.0, 3.5),
    "nose_width": (35.5, 3.0),
}


# How far points of the face are in front of the foremost points of the eyeballs (along z), millimetres: mean, standard
# deviation. Measured on 300 sampled people of ICT-FaceKit's light-stage model, turned as the calibrated mean head is in
# its frame: a table that gives these depths was not at hand. A tilt of one degree moves the chin by 1.7 mm.
SCANNED_DEPTHS_MM = {
    "depth_inner_canthi": (-3.9, 1.2),
    "depth_outer_canthi": (-9.7, 1.6),
    "depth_nasion": (11.8, 3.7),
    "depth_subnasale": (17.4, 3.3),
    "depth_upper_lip": (19.4, 3.7),
    "depth_lower_lip": (15.6, 3.5),
    "depth_pogonion": (10.5, 4.7),
}


@dataclass(frozen=True)
class Caliper:
    """A distance between two vertices, along one axis (0, 1, 2) or straight (None)."""

    first: int
    second: int
    axis: int | None

    def value(self, positions: Array) -> Array:
        """(..., V, 3) -> (...) metres."""
        span = positions[..., self.second, :] - positions[..., self.first, :]
        return np.linalg.norm(span, axis=-1) if self.axis is None else np.abs(span[..., self.axis])

    def slope(self, positions: Array, offsets: Array) -> Array:
        """Derivative of ``value`` at (V, 3) for offsets (..., V, 3)."""
        span = positions[self.second] - positions[self.first]
        direction = span / np.linalg.norm(span)
        if self.axis is not None:
            direction = np.eye(3)[self.axis] * np.sign(span[self.axis])
        return (offsets[..., self.second, :] - offsets[..., self.first, :]) @ direction


@dataclass(frozen=True)
class PupilCaliper:
    """Distance between the eyeballs' centres along x."""

    left: slice
    right: slice

    def value(self, positions: Array) -> Array:
        """(..., V, 3) -> (...) metres."""
        centres = [eyes.ball_centre(positions[..., ball, :]) for ball in (self.left, self.right)]
        return (centres[0] - centres[1])[..., 0]

    def slope(self, positions: Array, offsets: Array) -> Array:
        """It is linear, so the same on offsets."""
        return self.value(offsets)


@dataclass(frozen=True)
class DepthGauge:
    """How far vertices lie, on average, in front of the foremost points of both eyeballs (along z)."""

    vertices: tuple[int, ...]
    left: slice
    right: slice

    def value(self, positions: Array) -> Array:
        """(..., V, 3) -> (...) metres."""
        balls = [positions[..., ball, :] for ball in (self.left, self.right)]
        front = sum(eyes.ball_centre(ball)[..., 2] + eyes.ball_radius(ball) for ball in balls) / 2
        return positions[..., list(self.vertices), 2].mean(-1) - front


@dataclass(frozen=True)
class Places:
    """Vertices that other steps need too."""

    nasion: int
    nose_tip: int
    menton: int
    vertex: int


def find_places(topology: Topology, positions: Array, loops: HeadLoops) -> Places:
    """Named mid-line vertices of a roughly average head (V, 3)."""
    skin = topology.label_vertices("head")
    middle = skin[np.abs(positions[skin, 0]) < 5e-4]
    eye_y = eyes.ball_centre(positions[topology.left_eye])[1]
    lip_y = positions[loops.lips.upper].mean(0)[1]
    front = middle[positions[middle, 2] > positions[loops.left_lid.outer, 2] - 0.03]
    nose_tip = front[positions[front, 2].argmax()]
    bridge = front[np.abs(positions[front, 1] - eye_y) < 0.012]
    nasion = bridge[positions[bridge, 2].argmin()]
    below = front[positions[front, 1] < lip_y - 0.015]
    chin = below[positions[below, 2] > positions[below, 2].max() - 0.02]
    menton = chin[positions[chin, 1].argmin()]
    vertex = middle[positions[middle, 1].argmax()]
    return Places(int(nasion), int(nose_tip), int(menton), int(vertex))


def calipers(
    topology: Topology, positions: Array, loops: HeadLoops, places: Places, ears: Array
) -> dict[str, Caliper | PupilCaliper]:
    """The measures of ADULTS_MM. ``ears`` (V,) bool keeps them out of the widths."""
    skin = topology.label_vertices("head")
    eye_y = eyes.ball_centre(positions[topology.left_eye])[1]
    left_side = skin[(positions[skin, 0] > 0) & ~ears[skin]]

    def widest(candidates: Array) -> Caliper:
        widest_vertex = int(candidates[positions[candidates, 0].argmax()])
        return Caliper(int(topology.mirror[widest_vertex]), widest_vertex, 0)

    height = positions[left_side, 1] - eye_y
    tip = positions[places.nose_tip]
    wing = np.abs(positions[left_side] - tip) < [0.03, 0.012, 0.022]
    ear_front = positions[ears, 2].max()
    middle = skin[np.abs(positions[skin, 0]) < 5e-4]
    brow = middle[
        (positions[middle, 1] > eye_y + 0.015) & (positions[middle, 2] > 0) & (positions[middle, 1] < eye_y + 0.045)
    ]
    back = int(skin[positions[skin, 2].argmin()])
    left_lid = loops.left_lid
    upper, lower = (run[len(run) // 2] for run in (left_lid.upper, left_lid.lower))
    return {
        "interpupillary": PupilCaliper(topology.left_eye, topology.right_eye),
        "head_breadth": widest(left_side[height > 0.03]),
        "head_length": Caliper(back, int(brow[positions[brow, 2].argmax()]), 2),
        "nasion_menton": Caliper(places.menton, places.nasion, None),
        "head_height": Caliper(places.menton, places.vertex, 1),
        "bizygomatic": widest(
            left_side[(height < -0.005) & (height > -0.03) & (positions[left_side, 2] > ear_front + 0.012)]
        ),
        "eye_fissure": Caliper(left_lid.inner, left_lid.outer, None),
        "intercanthal": Caliper(loops.right_lid.inner, left_lid.inner, None),
        "eye_aperture": Caliper(int(lower), int(upper), None),
        "mouth_width": Caliper(loops.lips.right, loops.lips.left, None),
        "nose_width": widest(left_side[wing.all(1)]),
    }


def depth_gauges(topology: Topology, positions: Array, loops: HeadLoops, places: Places) -> dict[str, DepthGauge]:
    """The measures of SCANNED_DEPTHS_MM on a roughly average head (V, 3)."""
    skin = topology.label_vertices("head")
    middle = skin[(np.abs(positions[skin, 0]) < 5e-4) & (positions[skin, 2] > 0)]
    height = positions[:, 1]
    lip_line = height[loops.lips.upper].mean()

    def between(low: float, high: float) -> Array:
        return middle[(height[middle] > low) & (height[middle] < high)]

    above, below = between(lip_line, lip_line + 0.012), between(lip_line - 0.014, lip_line)
    philtrum = between(lip_line + 0.006, height[places.nose_tip])
    chin = between(height[places.menton], lip_line - 0.018)
    depth = positions[:, 2]
    vertices = {
        "depth_inner_canthi": (loops.left_lid.inner, loops.right_lid.inner),
        "depth_outer_canthi": (loops.left_lid.outer, loops.right_lid.outer),
        "depth_nasion": (places.nasion,),
        "depth_subnasale": (int(philtrum[depth[philtrum].argmin()]),),
        "depth_upper_lip": (int(above[depth[above].argmax()]),),
        "depth_lower_lip": (int(below[depth[below].argmax()]),),
        "depth_pogonion": (int(chin[depth[chin].argmax()]),),
    }
    return {name: DepthGauge(rows, topology.left_eye, topology.right_eye) for name, rows in vertices.items()}
