"""Do portraits pass for faces? MediaPipe, which was trained on photographs, is asked.

    python benchmarks/portrait_realism.py count=300 size=512 seed=77 makehuman_assets=FOLDER

Over portraits whose face nothing covers and the picture's border does not cut (at most 5 % of its landmarks are
outside): the share in which it finds a face, and how far its landmarks are from the
truth, in percent of the distance of the outer eye corners (in space, at the face's depth, so that it does not shrink
as the head turns), by yaw. ``inner`` leaves out the outline of the face, whose points slide along it.
``worst`` names a folder for pictures of the misses and the worst.
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
from shared.device import one_thread
from shared.flame.landmarks import FACE_OVAL, OUTER_EYE_CORNERS
from shared.images.encode import write_jpeg
from shared.images.mediapipe_faces import MediaPipeFaces
from shared.synthetic.generate import build_studio
from shared.synthetic.portrait import Portrait
from shared.synthetic.studio import Order, PortraitStudio

DEFAULTS = {"count": "200", "size": "512", "seed": "77", "makehuman_assets": "", "worst": ""}
YAW_DEG = ((0, 20), (20, 40), (40, 60), (60, 90))
INNER = [index for index in range(478) if index not in FACE_OVAL]


@dataclass(frozen=True)
class Row:
    """One portrait without a covered face."""

    yaw_deg: float
    error: np.ndarray | None  # (478,) percent; None: not found
    index: int


def judge(studio: PortraitStudio, detector: MediaPipeFaces, seed: int, index: int) -> tuple[Row, Portrait] | None:
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
    error = None
    if found:
        marks = studio.model.assets.landmarks["mediapipe"]
        with torch.no_grad():
            corners = marks.positions(studio.model(truth.params).verts_m, studio.model.faces)[list(OUTER_EYE_CORNERS)]
        unit_px = (corners[0] - corners[1]).norm() * truth.camera.focal_px[0] / -corners[:, 2].mean()
        distance = (torch.as_tensor(found[0].landmarks_px) - truth.landmarks_px).norm(dim=1)
        error = (100 * distance / unit_px).numpy()
        if error[INNER].mean() > 60:  # some other thing was taken for the face
            error = None
    return Row(abs(portrait.facts.yaw_deg), error, index), portrait


def main(options: dict[str, str]) -> None:
    """Print the table."""
    one_thread()
    size, seed = int(options["size"]), int(options["seed"])
    studio = build_studio(
        SyntheticConfig(out="-", size=size, device="cpu", makehuman_assets=options["makehuman_assets"] or None)
    )
    detector, rows = MediaPipeFaces(), []
    for index in tqdm(range(int(options["count"])), unit="portrait"):
        judged = judge(studio, detector, seed, index)
        if judged is None:
            continue
        row, portrait = judged
        rows.append(row)
        bad = row.error is None or row.error[INNER].mean() > 6
        if options["worst"] and row.yaw_deg < 60 and bad:
            name = "missed" if row.error is None else f"{row.error[INNER].mean():04.1f}"
            write_jpeg(Path(options["worst"]) / f"{name}_{index:05d}.jpg", portrait.image)
    print(f"{size} px, {len(rows)} portraits with a free face of {options['count']}")
    print(f"{'yaw':>9} {'portraits':>9} {'found %':>8} {'all 478 %':>10} {'inner %':>8} {'median':>7}")
    for low, high in (*YAW_DEG, (0, 60)):
        group = [row for row in rows if low <= row.yaw_deg < high]
        errors = [row.error for row in group if row.error is not None]
        if not group:
            continue
        numbers = (
            ""
            if not errors
            else (
                f"{np.mean(errors):10.2f} {np.mean([e[INNER].mean() for e in errors]):8.2f} "
                f"{np.median([e[INNER].mean() for e in errors]):7.2f}"
            )
        )
        print(f"{low:4d}-{high:<4d} {len(group):9d} {100 * len(errors) / len(group):8.1f} {numbers}")


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main(read_options(sys.argv[1:], DEFAULTS))
