"""A head's ARKit units against the same units of scanned people, one row a unit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from shared.flame.model import FlameModel
from shared.flame.open_head.expression import mirrored_name
from shared.flame.open_head.expression_calibration.carried import HeadParts
from shared.flame.open_head.expression_calibration.mend_fit import FLIP
from shared.flame.open_head.expression_calibration.run import CarriedPeople
from shared.flame.open_head.expression_record import N_POSE, ExpressionCalibration
from shared.flame.open_head.makehuman import Array
from shared.flame.schema import FlameAssets

ABSENT = ("tongueOut",)  # the scan model has none
ON_OPEN_JAW = "mouthClose"  # only means something with jawOpen


@dataclass(frozen=True)
class UnitComparison:
    """One whole unit over the face's skin; lengths in mm."""

    name: str
    ours_mm: float  # rms motion
    scans_mm: float
    cosine: float  # of the two motions, as vectors over the face
    best_scale: float  # of ours, to come closest
    explained: float  # share of the scans' motion energy that ours explains as it is
    ours_where: str  # area with most of the motion energy
    scans_where: str
    asymmetry_mm: float  # rms between ours and the mirror image of its partner
    ours_max_mm: float = 0.0
    scans_max_mm: float = 0.0


def face_areas(head: FlameAssets, parts: HeadParts) -> dict[str, Array]:
    """Disjoint masks (V,) of the face's skin."""
    template = head.v_template.double().numpy()
    region = {name: mask.numpy() for name, mask in head.regions.items()}
    eyes_m, mouth_m = template[parts.rims, 1].mean(), template[parts.seam, 1].mean()
    height = template[:, 1]
    rest = parts.face & ~region["lids"] & ~region["lips"] & ~region["nose"]
    return {
        "lids": parts.face & region["lids"],
        "lips": parts.face & region["lips"],
        "nose": parts.face & region["nose"],
        "brows": rest & (height > eyes_m),
        "cheeks": rest & (height <= eyes_m) & (height > mouth_m - 0.005),
        "chin": rest & (height <= mouth_m - 0.005),
    }


def unit_motion(model: FlameModel, shape: Array, units: dict[str, float]) -> Array:
    """(V, 3) metres from neutral, of a head with identity ``shape`` (S,), by ARKit's units."""
    arkit = model.assets.arkit
    if arkit is None:
        raise ValueError(f"head {model.assets.name!r} has no ARKit units")
    activation = torch.zeros(len(arkit.names))
    for name, amount in units.items():
        activation[arkit.names.index(name)] = amount
    neutral = replace(model.neutral_params(), shape=torch.from_numpy(shape).float())
    posed = replace(neutral, expression=arkit.expression @ activation, jaw=arkit.jaw @ activation)
    return (model(posed).verts_m - model(neutral).verts_m).double().numpy()


def compare_units(head: FlameAssets, carried: CarriedPeople) -> list[UnitComparison]:
    """All units that both have, on the scan model's average person."""
    if head.arkit is None or head.mirror is None:
        raise ValueError(f"head {head.name!r} has no ARKit units or no mirror map")
    model, mirror, areas = FlameModel(head), head.mirror.numpy(), face_areas(head, carried.parts)
    shape = carried.people[0].coefficients
    rows = []
    for name in head.arkit.names:
        if name in ABSENT:
            continue
        units = {name: 1.0, "jawOpen": 1.0} if name == ON_OPEN_JAW else {name: 1.0}
        ours = unit_motion(model, shape, units) * 1e3
        partner = unit_motion(model, shape, {mirrored_name(unit): 1.0 for unit in units}) * 1e3
        scans, known = carried.average_motion(name, mirror)
        if name == ON_OPEN_JAW:
            scans = scans + carried.average_motion("jawOpen", mirror)[0]
        face = carried.parts.face & known
        a, b = ours[face], scans[face] * 1e3
        energy, both = (b**2).sum(), (a * b).sum()
        rows.append(
            UnitComparison(
                name=name,
                ours_mm=_rms(a),
                scans_mm=_rms(b),
                cosine=float(both / np.sqrt((a**2).sum() * energy)),
                best_scale=float(both / (a**2).sum()),
                explained=float(1 - ((a - b) ** 2).sum() / energy),
                ours_where=_where(ours, areas),
                scans_where=_where(scans * known[:, None], areas),
                asymmetry_mm=_rms((ours - partner[mirror] * FLIP)[carried.parts.face]),
                ours_max_mm=float(np.linalg.norm(a, axis=1).max()),
                scans_max_mm=float(np.linalg.norm(b, axis=1).max()),
            )
        )
    return rows


def markdown(rows: list[UnitComparison]) -> str:
    """A table."""
    lines = [
        "| unit | ours mm (max) | scans mm (max) | cosine | best scale | R^2 | moves most, ours / scans |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.name} | {row.ours_mm:.2f} ({row.ours_max_mm:.1f}) | {row.scans_mm:.2f} ({row.scans_max_mm:.1f}) "
        f"| {row.cosine:.2f} | {row.best_scale:.2f} | {row.explained:.2f} | {row.ours_where} / {row.scans_where} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def strengths(calibration: ExpressionCalibration) -> str:
    """A table of how strong each of ARKit's units is in faces: root mean square activation under the prior."""
    rms = np.sqrt(np.diag(calibration.second_moment))
    units = zip(calibration.unit_names, rms[:-N_POSE].tolist(), strict=True)
    kept = [(name, amount) for name, amount in units if not name.startswith("mpfb") and "Right" not in name]
    jaw, lids = np.degrees(rms[-N_POSE:-2]), rms[-2:]
    lines = ["| unit | rms activation |", "|---|---|", *(f"| {name} | {amount:.2f} |" for name, amount in kept)]
    lines += [
        f"| jaw, degrees | {jaw[0]:.1f}, {jaw[1]:.1f}, {jaw[2]:.1f} |",
        f"| eyelids | {lids[0]:.2f}, {lids[1]:.2f} |",
    ]
    return "\n".join(lines) + "\n"


def _rms(motion: Array) -> float:
    return float(np.sqrt((motion**2).sum(1).mean()))


def _where(motion: Array, areas: dict[str, Array]) -> str:
    """The area with most of the energy, and its share."""
    energy = {name: float((motion[mask] ** 2).sum()) for name, mask in areas.items()}
    most = max(energy, key=energy.__getitem__)
    return f"{most} {energy[most] / max(sum(energy.values()), 1e-12):.0%}"
