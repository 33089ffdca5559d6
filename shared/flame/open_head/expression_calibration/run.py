"""All steps from a scan model's units to the calibration of a head's."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from shared.flame.open_head.calibration.gaussian import Gaussian
from shared.flame.open_head.calibration.head_surface import HeadSurface
from shared.flame.open_head.calibration.surface_fit import NEAR_M, SurfaceFitter
from shared.flame.open_head.expression import mirrored_name
from shared.flame.open_head.expression_calibration.activations import draw_activations
from shared.flame.open_head.expression_calibration.carried import CarriedUnits, HeadParts, carry
from shared.flame.open_head.expression_calibration.mend_fit import (
    FLIP,
    KEPT,
    Mend,
    MendFitter,
    candidate_controls,
    mirrored_mend,
    used_controls,
)
from shared.flame.open_head.expression_calibration.moment_fit import (
    UNSEEN,
    FaceMotion,
    MotionFitter,
    second_moment,
    share_blinks,
    starting_prior,
)
from shared.flame.open_head.expression_calibration.scan_units import ScanUnits
from shared.flame.open_head.expression_record import ExpressionCalibration
from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.mended_units import mended_units
from shared.flame.open_head.unit_controls import UnitSculpts
from shared.flame.schema import ArkitMap, FlameAssets

JAW_IN_MIRROR = (1.0, -1.0, -1.0)  # axis-angle
AGREED = 0.7  # share of the people at whom a vertex must be paired


@dataclass(frozen=True, eq=False)
class CarriedPeople:
    """The scan model's units at a head's vertices, for its average person and some sampled ones."""

    parts: HeadParts
    units: ScanUnits
    surface: HeadSurface
    people: list[CarriedUnits]

    @staticmethod
    def sample(head: FlameAssets, units: ScanUnits, people: int, seed: int) -> CarriedPeople:
        """Fit ``head`` to the average person and to ``people`` others, and pair their surfaces."""
        surface, parts = HeadSurface(head), HeadParts(head)
        fitter, prior = SurfaceFitter(surface, units.model), Gaussian.around(np.zeros(surface.n_coefficients))
        rng = np.random.default_rng(seed)
        drawn = [np.zeros(units.model.n_weights), *rng.standard_normal((people, units.model.n_weights))]
        carried = []
        for weights in tqdm(drawn, "people"):
            person = units.model.person(weights)
            fit = fitter.fit(person, prior, NEAR_M)
            carried.append(carry(parts, units, fit, surface.positions(fit.coefficients), person.verts_m))
        return CarriedPeople(parts, units, surface, carried)

    def face(self, person: int, activation: Array) -> FaceMotion:
        """One of the people with activations (N,) of the scan model's units."""
        carried = self.people[person]
        neutral = self.surface.positions(carried.coefficients)
        return FaceMotion(neutral, *carried.field(self.parts, neutral, activation))

    def average_motion(self, arkit_name: str, mirror: Array) -> tuple[Array, Array]:
        """(V, 3) motion of a whole unit, mean over the people and both sides, and (V,) bool where it is known."""
        total, count = np.zeros((len(mirror), 3)), np.zeros(len(mirror))
        for person in range(len(self.people)):
            for name, flipped in ((arkit_name, False), (mirrored_name(arkit_name), True)):
                face = self.face(person, self.units.activation({name: 1.0}))
                motion = face.motion_m * face.known[:, None]
                total += motion[mirror] * FLIP if flipped else motion
                count += face.known[mirror] if flipped else face.known
        known = count >= AGREED * 2 * len(self.people)
        return np.where(known[:, None], total / np.maximum(count, 1)[:, None], 0.0), known


def error_weight(parts: HeadParts, known: Array) -> Array:
    """(V,) how much the motion of each vertex counts: lips and lids are what one sees."""
    weight = np.where(parts.face, 1.0, 0.3)
    weight[parts.lips] = 4
    weight[parts.lid_margin] = 4
    weight[parts.rims] = 6
    weight[parts.seam] = 25
    inside = parts.lower_teeth | parts.upper_teeth | parts.tongue
    return np.where(inside, 1.0, np.where(known & parts.skin, weight, 0.0))


def calibrate_expressions(
    head: FlameAssets, sculpts: UnitSculpts, carried: CarriedPeople, arkit: ArkitMap, faces: int, seed: int
) -> ExpressionCalibration:
    """Mend a head's units towards a scan model's, and take the second moment of ``faces`` random faces."""
    names = tuple(sculpts.offsets)
    mended = tuple(name for name in arkit.names if name not in KEPT)
    controls = candidate_controls(sculpts, carried.parts)
    mends: dict[str, Mend] = {}
    fitter: MendFitter | None = None
    for name in tqdm(mended, "units"):
        other = mirrored_name(name)
        if other in mends:
            mends[name] = mirrored_mend(sculpts, controls, mends[other])
            continue
        target, known = carried.average_motion(name, sculpts.mirror)
        fitter = fitter or MendFitter(sculpts, controls, error_weight(carried.parts, known))
        mends[name] = fitter.fit(name, target)
    controls, used = used_controls(controls, [mends[name] for name in mended])
    calibration = ExpressionCalibration(
        unit_names=names,
        mended_names=mended,
        mix=np.stack([mend.mix for mend in used], 1),
        controls=controls,
        vectors_m=np.stack([mend.vectors_m for mend in used], 1),
        second_moment=np.eye(len(names) + 5),
    )
    units = mended_units(sculpts, calibration)
    moment = _second_moment(head, carried, units, arkit, faces, seed)
    return ExpressionCalibration(
        **{**vars(calibration), "second_moment": share_blinks(moment, _blinks(names))}  # frozen, so made anew
    )


def _blinks(names: tuple[str, ...]) -> tuple[int, int]:
    return names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")


def _second_moment(
    head: FlameAssets, carried: CarriedPeople, units: dict[str, Array], arkit: ArkitMap, faces: int, seed: int
) -> Array:
    names = tuple(units)
    rng = np.random.default_rng(seed)
    shown = tuple(name for name in arkit.names if name not in UNSEEN)
    column = {name: i for i, name in enumerate(names)}
    jaw = arkit.jaw.double().numpy()[:, [arkit.names.index(name) for name in shown]]
    drawn, motions = np.zeros((faces, len(names) + 3)), []
    for row in drawn:
        amounts = draw_activations(shown, rng)
        for name, amount in zip(shown, amounts, strict=True):
            if name in column:
                row[column[name]] = amount
        row[len(names) :] = jaw @ amounts
        activation = carried.units.activation(dict(zip(shown, amounts.tolist(), strict=True)))
        motions.append(carried.face(int(rng.integers(len(carried.people))), activation))
    swap = np.zeros((len(names) + 3, len(names) + 3))
    swap[np.arange(len(names)), [column[mirrored_name(name)] for name in names]] = 1
    swap[len(names) :, len(names) :] = np.diag(JAW_IN_MIRROR)
    fitter = MotionFitter(head, carried.parts, np.stack(list(units.values())))
    prior = starting_prior(names, arkit.names, drawn)
    return second_moment(fitter, motions, prior, swap, lambda rows: tqdm(rows, "faces", file=sys.stderr))
