"""Do portraits pass for faces? MediaPipe, which was trained on photographs, is asked.

    python benchmarks/portrait_realism.py count=300 size=512 seed=77 makehuman_assets=FOLDER

Over portraits whose face nothing covers and the picture's border does not cut (at most 5 % of its landmarks are
outside): the share in which it finds a face, and how far its landmarks are from the truth, by yaw. The unit is the
distance of the outer eye corners, in space, at the face's depth, so that it does not shrink as the head turns.
``surely`` is the share with a score of 0.8, from which the fastest detector is enough. ``inner`` leaves out the outline
of the face, whose points slide along it; ``defined`` also takes off the constant offset of each point, as MediaPipe
marks lids and lips a little off the mesh's own: that is a matter of definition, not of
realism. ``worst`` names a folder for pictures of the misses and the worst.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from command_line import read_options
from tqdm import tqdm

from shared.config import SyntheticConfig
from shared.flame.landmark_noise import load_landmark_noise
from shared.flame.landmarks import FACE_OVAL, OUTER_EYE_CORNERS
from shared.geometry.rotation import axis_angle_to_matrix
from shared.images.encode import write_jpeg
from shared.landmarker.search import FaceLandmarker
from shared.runs.device import one_thread
from shared.synthetic.generate import build_studio
from shared.synthetic.scene.portrait import Portrait
from shared.synthetic.studio import Order, PortraitStudio

DEFAULTS = {"count": "200", "size": "512", "seed": "77", "makehuman_assets": "", "worst": ""}
YAW_DEG = ((0, 20), (20, 40), (40, 60), (60, 90))
SURE_SCORE = 0.8  # from which the fastest detector is enough
INNER = [index for index in range(478) if index not in FACE_OVAL]


@dataclass(frozen=True)
class Row:
    """One portrait without a covered face."""

    yaw_deg: float
    error: np.ndarray | None  # (478,) percent; None: not found
    defined: np.ndarray | None  # the same less the constant offsets
    score: float  # of the detector
    index: int


def judge(
    studio: PortraitStudio, detector: FaceLandmarker, offset_m: torch.Tensor, seed: int, index: int
) -> tuple[Row, Portrait] | None:
    """None for a portrait whose face is covered or cut on purpose."""
    order = Order.draw(seed, index)
    if order.kind == "occluded":
        return None
    portrait = studio.portrait(order)
    truth = portrait.truth
    inside = ((truth.landmarks_px >= 0) & (truth.landmarks_px < portrait.image.shape[0])).all(1)
    if inside.float().mean() < 0.95:
        return None
    found = detector.detect(portrait.image)
    error = defined = None
    marks = studio.model.assets.landmarks["mediapipe"]
    if found:
        seen = torch.as_tensor(found[0].landmarks_px)
        with torch.no_grad():
            places = marks.positions(studio.model(truth.params).verts_m, studio.model.faces)
        corners = places[list(OUTER_EYE_CORNERS)]
        unit_px = (corners[0] - corners[1]).norm() * truth.camera.focal_px[0] / -corners[:, 2].mean()
        skull = axis_angle_to_matrix(truth.params.global_rot) @ axis_angle_to_matrix(truth.params.neck)
        moved = truth.camera.project(places + offset_m @ skull.T)
        error, defined = (100 * (seen - px).norm(dim=1).numpy() / float(unit_px) for px in (truth.landmarks_px, moved))
        if error[INNER].mean() > 60:  # some other thing was taken for the face
            error = defined = None
    score = found[0].detector_score if found else 0.0
    return Row(abs(portrait.facts.yaw_deg), error, defined, score, index), portrait


def main(options: dict[str, str]) -> None:
    """Print the table."""
    one_thread()
    size, seed = int(options["size"]), int(options["seed"])
    studio = build_studio(
        SyntheticConfig(out="-", size=size, device="cpu", makehuman_assets=options["makehuman_assets"] or None)
    )
    noise = load_landmark_noise(studio.model.assets)
    offset_m = torch.zeros(478, 3) if noise is None else noise.offset_m
    detector, rows = FaceLandmarker(), []
    for index in tqdm(range(int(options["count"])), unit="portrait"):
        judged = judge(studio, detector, offset_m, seed, index)
        if judged is None:
            continue
        row, portrait = judged
        rows.append(row)
        bad = row.error is None or row.error[INNER].mean() > 6
        if options["worst"] and row.yaw_deg < 60 and bad:
            name = "missed" if row.error is None else f"{row.error[INNER].mean():04.1f}"
            write_jpeg(Path(options["worst"]) / f"{name}_{index:05d}.jpg", portrait.image)
    print(f"{size} px, {len(rows)} portraits with a free face of {options['count']}")
    columns = ("portraits", "found %", "surely %", "all 478 %", "inner %", "median", "defined %")
    print(f"{'yaw':>9}" + "".join(f"{name:>11}" for name in columns))
    for low, high in (*YAW_DEG, (0, 60)):
        group = [row for row in rows if low <= row.yaw_deg < high]
        errors = [row.error for row in group if row.error is not None]
        if not errors:
            continue
        inner, defined = (
            [one[INNER].mean() for one in (getattr(row, name) for row in group) if one is not None]
            for name in ("error", "defined")
        )
        means = (np.mean(errors), np.mean(inner), np.median(inner), np.mean(defined))
        sure = sum(row.score >= SURE_SCORE for row in group if row.error is not None)
        found = f"{100 * len(errors) / len(group):11.1f}{100 * sure / len(group):11.1f}"
        print(f"{low:4d}-{high:<4d}{len(group):11d}{found}" + "".join(f"{mean:11.2f}" for mean in means))


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main(read_options(sys.argv[1:], DEFAULTS))
