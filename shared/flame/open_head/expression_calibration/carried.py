"""Motion of a scanned person's units carried over to the vertices of a head that was fitted to the person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from shared.flame.open_head.base_mesh import barycentric
from shared.flame.open_head.calibration.surface_fit import Fit
from shared.flame.open_head.expression_calibration.scan_units import ScanUnits
from shared.flame.open_head.loops import boundary_loops
from shared.flame.open_head.makehuman import Array
from shared.flame.schema import FlameAssets
from shared.geometry.closest import closest_points

NEAR_M = 0.004  # farther pairs are not trusted
MARGIN_REACH_M = 0.014  # beyond it the alignment of lids and lips moves nothing
LIP_ZONE_M = 0.010  # around the mouth, upper and lower lip are kept apart
STIFFNESS = 0.1  # smoothing of the thin plate that aligns the margins
Runs = tuple[Array, Array]


class HeadParts:
    """What of a head is compared: vertices by part, and the margins of lids and lips."""

    def __init__(self, head: FlameAssets) -> None:
        region = {name: mask.numpy() for name, mask in head.regions.items()}
        inside = region["mouth_interior"] | region["sockets"] | region["teeth"] | region["tongue"] | region["eyes"]
        self.skin = ~inside & ~region["neck"]
        self.face = region["face"]
        self.lips, self.tongue = region["lips"], region["tongue"]
        jaw = head.lbs_weights[:, 2].numpy() > 0.5
        self.jaw_weight = head.lbs_weights[:, 2].double().numpy()
        self.lower_teeth, self.upper_teeth = region["teeth"] & jaw, region["teeth"] & ~jaw
        faces = head.faces.numpy()
        loops = boundary_loops(faces[~inside[faces].any(1)])
        (self.left_rim,) = (loop for loop in loops if region["left_lids"][loop].all())
        (self.right_rim,) = (loop for loop in loops if region["right_lids"][loop].all())
        (self.seam,) = (loop for loop in loops if region["lips"][loop].all())
        lids = np.concatenate([self.left_rim, self.right_rim])
        template = head.v_template.numpy()
        near = KDTree(template[lids]).query(template)[0] < 0.002
        self.lid_margin = near & ~inside
        self.rims = lids


@dataclass(frozen=True, eq=False)
class CarriedUnits:
    """One person: the fitted head and the motion of the scan model's units at its vertices; head frame, metres."""

    coefficients: Array  # (S,) identity
    motion_m: Array  # (N, V, 3) float32; zero where not trusted
    trusted: Array  # (V,) bool
    teeth_m: Array  # (T, 3) the scan's lower teeth
    teeth_motion_m: Array  # (N, T, 3)

    def field(self, parts: HeadParts, verts_m: Array, activation: Array) -> tuple[Array, Array]:
        """Motion (V, 3) of the fitted head (V, 3) by activations (N,), and the vertices (V,) bool where it is known.

        Teeth of the head follow the scan's rigidly; the tongue is taken to rest on the lower ones.
        """
        motion = np.tensordot(activation, self.motion_m.astype(np.float64), 1)
        after = self.teeth_m + np.tensordot(activation, self.teeth_motion_m, 1)
        centre = self.teeth_m.mean(0)
        turn = Rotation.align_vectors(after - after.mean(0), self.teeth_m - centre)[0]
        lower = verts_m[parts.lower_teeth]
        motion[parts.lower_teeth] = turn.apply(lower - centre) + after.mean(0) - lower
        motion[parts.upper_teeth] = 0
        motion[parts.tongue] = motion[parts.lower_teeth].mean(0)
        return motion, self.trusted | parts.lower_teeth | parts.upper_teeth | parts.tongue


def carry(parts: HeadParts, units: ScanUnits, fit: Fit, verts_m: Array, scan_m: Array) -> CarriedUnits:
    """Pair the fitted head (V, 3) with its person ``scan_m`` (P, 3), in the scan's frame, and carry all units over."""
    scan = scan_m @ fit.rotation.T + fit.shift_m
    aligned = _align_margins(parts, units, verts_m, scan)
    corners, weights, distance = _pairs(parts, units, verts_m, aligned, scan)
    trusted = distance < NEAR_M
    turned = units.offsets_m @ fit.rotation.T
    motion = np.einsum("vk,nvkc->nvc", weights, turned[:, corners]) * trusted[:, None]
    teeth = units.lower_teeth
    return CarriedUnits(fit.coefficients, motion.astype(np.float32), trusted, scan[teeth], turned[:, teeth])


def _align_margins(parts: HeadParts, units: ScanUnits, verts: Array, scan: Array) -> Array:
    """(V, 3) the head with its lid rims and lip seam on the scan's, by arc length from corner to corner."""
    sources, targets = [], []
    # Shut lips lie on one line, so the jaw decides which is which.
    lid_heights, lip_heights = (verts[:, 1], scan[:, 1]), (-parts.jaw_weight, -units.lower_share())
    for mine, theirs, heights in (
        (parts.left_rim, units.lids[0], lid_heights),
        (parts.right_rim, units.lids[1], lid_heights),
        (parts.seam, units.lips, lip_heights),
    ):
        mine_runs, their_runs = runs(verts, mine, heights[0]), runs(scan, theirs, heights[1])
        for source, target in zip(mine_runs, their_runs, strict=True):
            at, along = _arc(verts[source]), _arc(scan[target])
            sources.append(source)
            targets.append(np.stack([np.interp(at, along, scan[target][:, axis]) for axis in range(3)], 1))
    source, first = np.unique(np.concatenate(sources), return_index=True)
    target = np.concatenate(targets)[first]
    skin = np.flatnonzero(parts.skin)
    still = skin[KDTree(verts[source]).query(verts[skin])[0] > MARGIN_REACH_M][::7]
    places = np.concatenate([verts[source], verts[still]])
    shifts = np.concatenate([target - verts[source], np.zeros((len(still), 3))])
    thin_plate = RBFInterpolator(places * 1e3, shifts, 60, STIFFNESS, "thin_plate_spline")
    return verts + thin_plate(verts * 1e3)


def _pairs(parts: HeadParts, units: ScanUnits, verts: Array, aligned: Array, scan: Array) -> tuple[Array, Array, Array]:
    """Scan vertices (V, 3), their weights (V, 3) and the distance (V,): infinite where nothing was looked for."""
    upper, _ = runs(verts, parts.seam, -parts.jaw_weight)
    around_mouth = KDTree(verts[parts.seam]).query(verts)[0] < LIP_ZONE_M
    seam_height = np.interp(verts[:, 0], verts[upper, 0], verts[upper, 1])
    below = verts[:, 1] < seam_height
    below[upper] = False
    below[np.setdiff1d(parts.seam, upper)] = True
    follows_jaw = units.lower_share()[units.visible_faces].mean(1)
    corners = np.zeros((len(verts), 3), int)
    weights = np.zeros((len(verts), 3))
    distance = np.full(len(verts), np.inf)
    for chosen, faces in (
        (parts.skin & ~around_mouth, units.visible_faces),
        (parts.skin & around_mouth & below, units.visible_faces[follows_jaw > 0.4]),
        (parts.skin & around_mouth & ~below, units.visible_faces[follows_jaw < 0.5]),
    ):
        rows = np.flatnonzero(chosen)
        hit = closest_points(aligned[rows], scan, faces)
        corners[rows] = faces[hit.face_index]
        weights[rows] = barycentric(hit.points, scan[corners[rows]])
        distance[rows] = hit.distance
    return corners, weights, distance


def runs(verts: Array, loop: Array, height: Array) -> Runs:
    """The upper and the lower way along a loop by ``height`` (V,), from the corner at the right to the left one."""
    x = verts[loop, 0]
    first, last = int(loop[x.argmin()]), int(loop[x.argmax()])
    turned = np.roll(loop, -int(np.flatnonzero(loop == first)[0]))
    stop = int(np.flatnonzero(turned == last)[0])
    there, back = turned[: stop + 1], np.concatenate([turned[:1], turned[: stop - 1 : -1]])
    return (there, back) if height[there[1:-1]].mean() > height[back[1:-1]].mean() else (back, there)


def _arc(line: Array) -> Array:
    """(M,) share of the length of a polyline (M, 3) up to each point."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return length / length[-1]
