"""How each unit is best mended: few own units and few control vectors, chosen greedily, alike on both sides."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shared.flame.open_head.expression import mirrored_name
from shared.flame.open_head.expression_calibration.carried import HeadParts
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.unit_controls import SIDES, Controls, UnitSculpts

# Units that stay as sculpted: there is no counterpart (tongueOut), or the sculpt is exact by construction.
KEPT = ("tongueOut", "mouthClose", "jawOpen")
# Own units that a mended one may lean on; a blink must not become another unit.
BLINK_PARTNERS = ("eyeSquint", "browDown", "mpfb-eye-left-closure", "mpfb-eye-right-closure")
UNUSED = ("tongueOut", "mouthClose")
# Number of control vertices and radii in metres: all over the face, along the lips, along the lids.
FACE_SITES, FACE_RADII = 40, (0.03, 0.05)
LIP_SITES, LIP_RADII = 10, (0.015, 0.025, 0.04)
LID_SITES, LID_RADII = 7, (0.01, 0.016)
MOST_TERMS = 32
LEAST_GAIN = 0.001  # of the motion's energy, by one more term
CONTROL_PENALTY = 0.6  # of the gain: own units first
RIDGE = 2e-3  # of the motion's energy, for an own unit at 1 or a control vector of 5 mm
RIDGE_VECTOR_M = 5e-3
FLIP = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Mend:
    """One unit: shares of own units (U,) and control vectors (K, 3), metres."""

    mix: Array
    vectors_m: Array


def candidate_controls(sculpts: UnitSculpts, parts: HeadParts) -> Controls:
    """All controls that the choice is made from, each with its mirror image."""
    rim = parts.lid_margin
    groups = (
        (parts.face & ~rim, FACE_SITES, FACE_RADII, ("both",)),
        (parts.lips & parts.face, LIP_SITES, LIP_RADII, ("lower_lip", "upper_lip")),
        (rim, LID_SITES, LID_RADII, ("upper_lids", "both")),
    )
    rows = [
        (vertex, radius, SIDES.index(side))
        for where, count, radii, sides in groups
        for radius in radii
        for vertex in _spread_sites(sculpts, where, count)
        for side in sides
    ]
    vertex, radius, side = (np.array(column) for column in zip(*rows, strict=True))
    return Controls(vertex, radius, side)


def used_controls(controls: Controls, mends: list[Mend]) -> tuple[Controls, list[Mend]]:
    """Without the controls that no unit uses."""
    used = np.flatnonzero(np.any([np.abs(mend.vectors_m).sum(1) > 0 for mend in mends], 0))
    kept = Controls(controls.vertex[used], controls.radius_m[used], controls.side[used])
    return kept, [replace(mend, vectors_m=mend.vectors_m[used]) for mend in mends]


class MendFitter:
    """Chooses terms for one unit at a time; ``weight`` (V,) of each vertex's error."""

    def __init__(self, sculpts: UnitSculpts, controls: Controls, weight: Array) -> None:
        self._sculpts, self._controls = sculpts, controls
        self._names = list(sculpts.offsets)
        self._influence = controls.influence(sculpts)
        keys = list(zip(controls.vertex.tolist(), controls.radius_m.tolist(), controls.side.tolist(), strict=True))
        self._partner = [keys.index((int(sculpts.mirror[v]), r, s)) for v, r, s in keys]
        self._rows = np.flatnonzero(weight > 0)
        self._root = np.sqrt(weight[self._rows])[:, None]

    def fit(self, name: str, target_m: Array) -> Mend:
        """Mend a unit towards a motion (V, 3); a unit of both sides stays symmetric."""
        terms = self._terms(name)
        fields = [self._field(term) for term in terms]
        group = np.repeat(np.arange(len(terms)), [len(rows) for rows in fields])
        flat = np.concatenate(fields).reshape(len(group), -1)
        wanted = (target_m[self._rows] * self._root).ravel()
        gram, right, energy = flat @ flat.T, flat @ wanted, float(wanted @ wanted)
        control = np.array([len(mend.vectors_m.nonzero()[0]) > 0 for term in terms for mend in term])
        ridge = RIDGE * energy * np.where(control, RIDGE_VECTOR_M**-2, 1.0)
        chosen, amounts = _choose(gram, right, energy, group, control, ridge)
        mends = [mend for term in terms for mend in term]
        mix = sum(amount * mends[i].mix for i, amount in zip(chosen, amounts, strict=True))
        vectors = sum(amount * mends[i].vectors_m for i, amount in zip(chosen, amounts, strict=True))
        return Mend(np.asarray(mix), np.asarray(vectors))

    def _field(self, term: list[Mend]) -> Array:
        """(D, R, 3) weighted motion of a term's degrees of freedom at the rows that count."""
        own = self._sculpts.offsets
        out = []
        for mend in term:
            moved = sum(mend.mix[i] * own[self._names[i]] for i in np.flatnonzero(mend.mix))
            used = np.flatnonzero(mend.vectors_m.any(1))
            moved = moved + self._influence[used].T @ mend.vectors_m[used]
            out.append(moved[self._rows] * self._root)
        return np.stack(out)

    def _terms(self, name: str) -> list[list[Mend]]:
        """Groups of degrees of freedom, the unit itself first."""
        both_sides = mirrored_name(name) == name
        own = [name, *(other for other in self._names if other != name and other not in UNUSED)]
        if name.startswith("eyeBlink"):
            own = [other for other in own if other == name or other.startswith(BLINK_PARTNERS)]
        terms = []
        for other in own:
            mix = np.zeros(len(self._names))
            mix[self._names.index(other)] = 1
            if both_sides:
                if other > mirrored_name(other):
                    continue
                mix[self._names.index(mirrored_name(other))] = 1
            terms.append([Mend(mix, np.zeros((len(self._partner), 3)))])
        for control, partner in enumerate(self._partner):
            if both_sides and partner < control:
                continue
            terms.append([m for m in (self._vector(control, axis, both_sides) for axis in range(3)) if m is not None])
        return terms

    def _vector(self, control: int, axis: int, both_sides: bool) -> Mend | None:
        """A unit vector along an axis; with its mirror image for both sides, where they do not cancel."""
        vectors = np.zeros((len(self._partner), 3))
        vectors[control, axis] = 1
        if both_sides:
            partner = self._partner[control]
            if partner == control and axis == 0:
                return None
            vectors[partner, axis] = FLIP[axis]
        return Mend(np.zeros(len(self._names)), vectors)


def _choose(
    gram: Array, right: Array, energy: float, group: Array, control: Array, ridge: Array
) -> tuple[Array, Array]:
    """Degrees of freedom and their amounts: add the group that gains most, drop those that became idle."""

    def solve(groups: list[int]) -> tuple[Array, Array, float]:
        rows = np.flatnonzero(np.isin(group, groups))
        amounts = np.linalg.solve(system[np.ix_(rows, rows)], right[rows])
        return rows, amounts, energy - float(right[rows] @ amounts)

    def gain(rows: Array, amounts: Array, members: list[Array]) -> list[float]:
        """By which each group of degrees of freedom would lower the error, those in use adapting."""
        across = system[rows]
        left = right - across.T @ amounts
        explained = np.linalg.solve(system[np.ix_(rows, rows)], across)
        out = []
        for member in members:
            own = system[np.ix_(member, member)] - across[:, member].T @ explained[:, member]
            out.append(float(left[member] @ np.linalg.solve(own, left[member])))
        return out

    system = gram + np.diag(ridge)
    members = [np.flatnonzero(group == g) for g in range(group.max() + 1)]
    price = np.array([CONTROL_PENALTY if control[member].all() else 1.0 for member in members])
    groups = [0]  # the unit itself
    rows, amounts, left = solve(groups)
    while len(groups) < MOST_TERMS:
        others = [g for g in range(len(members)) if g not in groups]
        gains = price[others] * gain(rows, amounts, [members[g] for g in others])
        if gains.max() < LEAST_GAIN * energy:
            break
        groups.append(others[int(gains.argmax())])
        rows, amounts, left = solve(groups)
        for g in groups[1:-1]:
            rest = [other for other in groups if other != g]
            if solve(rest)[2] - left < LEAST_GAIN * energy / 2:
                groups = rest
                rows, amounts, left = solve(groups)
    return rows, amounts


def mirrored_mend(sculpts: UnitSculpts, controls: Controls, mend: Mend) -> Mend:
    """The same on the other side."""
    names = list(sculpts.offsets)
    swap = [names.index(mirrored_name(name)) for name in names]
    keys = list(zip(controls.vertex.tolist(), controls.radius_m.tolist(), controls.side.tolist(), strict=True))
    partner = [keys.index((int(sculpts.mirror[v]), r, s)) for v, r, s in keys]
    return Mend(mend.mix[swap], mend.vectors_m[partner] * FLIP)


def _spread_sites(sculpts: UnitSculpts, where: Array, count: int) -> list[int]:
    """``count`` vertices of the left half, each as far as can be from the others, and their mirror images."""
    candidates = np.flatnonzero(where & (sculpts.template[:, 0] > -1e-4))
    places = sculpts.template[candidates]
    chosen = [int(places[:, 2].argmax())]
    while len(chosen) < count:
        away = np.linalg.norm(places[:, None] - places[chosen], axis=2).min(1)
        chosen.append(int(away.argmax()))
    left = candidates[chosen]
    return sorted({*left.tolist(), *sculpts.mirror[left].tolist()})
