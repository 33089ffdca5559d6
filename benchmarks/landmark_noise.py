"""How far the detector's landmarks are off, point by point and together: the noise model of the fit.

    python benchmarks/landmark_noise.py heads=300 seed=7 [out=shared/assets/mediapipe_on_open_head.json]

Heads with known truth are rendered and detected. Errors are divided by the distance of the outer eye corners as the
camera would see it head-on. Three things are measured: where on the head the detector sees each point, as a constant
offset from the embedding, triangulated over the views; how far each point is off beside that; and how the errors of two
points go together. The first two are written for the fit to read. Rendered heads are harder for the detector than
photos, so the overall size of the noise is an option of the fit; its distribution over the face is taken from here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import torch
from command_line import read_options
from torch import Tensor
from tqdm import tqdm

from shared.files import write_json
from shared.flame.assets import load_flame
from shared.flame.landmarks import OUTER_EYE_CORNERS, mirror_partners, outward
from shared.flame.model import FlameModel
from shared.flame.points import FlamePoints
from shared.geometry.rotation import axis_angle_to_matrix
from shared.landmarker.search import FaceLandmarker
from shared.records import TensorRecord, stack
from shared.synthetic.heads import HeadPainter, RenderedHead
from teacher.triangulate import triangulate_offsets

DEFAULTS = {"heads": "300", "seed": "7", "out": ""}
VISIBLE = 0.3  # cosine between a point's side of the head and the view from which it counts as seen
MIRROR = torch.tensor([-1.0, 1.0, 1.0])
PRIOR_VIEWS = 2.0  # the offset's pull to zero, as so many views
DISTANCES_MM = (0, 5, 10, 20, 30, 40, 60, 80, 120)


@dataclass(frozen=True)
class Detections(TensorRecord):
    """What was found on N heads."""

    error_m: Tensor  # (N, 478, 2) detected less true, at the head's depth, camera axes
    unit_m: Tensor  # (N,) distance of the outer eye corners
    facing: Tensor  # (N, 478) cosine between a point's side of the head and the direction to the camera
    R_cam_head: Tensor  # (N, 3, 3)

    def yaw_deg(self) -> Tensor:
        """(N,) how far the heads are turned away, either way."""
        return torch.rad2deg(torch.atan2(self.R_cam_head[:, 0, 2], -self.R_cam_head[:, 2, 2])).abs()


def main(heads: int, seed: int, out: Path | None) -> None:
    """Measure, print, and write the table where ``out`` is given."""
    model = FlameModel(load_flame())
    found = measure(model, heads, seed)
    print(f"{len(found.unit_m)} of {heads} heads found")
    places = FlamePoints.from_embedding(model, model.assets.landmarks["mediapipe"]).rest_positions()
    opened = replace(model.neutral_params(), jaw=torch.tensor([0.3, 0.0, 0.0]))
    mirror = mirror_partners(model.assets.landmarks["mediapipe"].positions(model(opened).verts_m, model.faces))
    offset = triangulate_offsets(found.error_m, found.facing > VISIBLE, found.R_cam_head, PRIOR_VIEWS)
    offset = 0.5 * (offset + offset[mirror] * MIRROR)
    rest = replace(found, error_m=found.error_m - torch.einsum("nij,pj->npi", found.R_cam_head[:, :2], offset))
    for name, errors in (("as embedded", found), ("less the offsets", rest)):
        print_by_yaw(name, errors)
    print_correlation(rest[found.yaw_deg() < 30], places)
    seen = (found.facing > VISIBLE).float()
    by_point = (rest.error_m.norm(dim=-1) * seen).sum(0) / seen.sum(0).clamp(min=1)
    by_point = 0.5 * (by_point + by_point[mirror])
    if out is not None:
        table = {
            "about": "MediaPipe's 478 face landmarks on the open head, from detections on rendered heads",
            "made_by": f"benchmarks/landmark_noise.py heads={heads} seed={seed}",
            "licence": "CC0-1.0",
            "head_id": model.assets.head_id,
            "offset_mm": [[round(1e3 * float(x), 2) for x in row] for row in offset],
            "relative_std": [round(float(share), 3) for share in by_point / by_point.mean()],
        }
        write_json(out, table)


def measure(model: FlameModel, heads: int, seed: int) -> Detections:
    """Render and detect."""
    painter, detector = HeadPainter(model), FaceLandmarker()
    rows = []
    for index in tqdm(range(heads), desc="heads"):
        head = painter(seed, index)
        found = detector.detect(head.image)
        if found:
            rows.append(compare(model, head, torch.as_tensor(found[0].landmarks_px)))
    return stack(rows)


def compare(model: FlameModel, head: RenderedHead, landmarks_px: Tensor) -> Detections:
    """One head's row."""
    embedding = model.assets.landmarks["mediapipe"]
    rest, posed = (embedding.positions(verts, model.faces) for verts in (model.v_template, head.verts_m))
    corners_m = posed[list(OUTER_EYE_CORNERS)]
    pixels_per_metre = head.camera.focal_px / head.camera.world_to_cam(corners_m)[:, 2].mean()
    rotation = axis_angle_to_matrix(head.params.global_rot) @ axis_angle_to_matrix(head.params.neck)
    to_camera = torch.nn.functional.normalize(-posed, dim=-1)
    return Detections(
        error_m=(landmarks_px - head.landmarks_px) / pixels_per_metre,
        unit_m=(corners_m[0] - corners_m[1]).norm(),
        facing=((outward(rest) @ rotation.T) * to_camera).sum(-1),
        R_cam_head=head.camera.T_cam_world[:3, :3] @ rotation,
    )


def print_by_yaw(name: str, found: Detections) -> None:
    """Mean error in per cent of the eye distance."""
    relative = 100 * found.error_m.norm(dim=-1).mean(1) / found.unit_m
    yaws = found.yaw_deg()
    bins = [(yaws >= low) & (yaws < low + 20) for low in (0, 20, 40)]
    shares = ", ".join(
        f"{relative[some].mean():.2f} % at {low} to {low + 20} deg" for some, low in zip(bins, (0, 20, 40), strict=True)
    )
    print(f"error {name}: {shares}")


def print_correlation(found: Detections, places_m: Tensor) -> None:
    """Of the errors left when each point's mean error is taken off."""
    errors = found.error_m / found.unit_m[:, None, None]
    centred = errors - errors.mean(0)
    covariance = torch.einsum("npk,nqk->pq", centred, centred)
    deviation = torch.diagonal(covariance).sqrt()
    correlation = covariance / (deviation[:, None] * deviation)
    distance_mm = 1e3 * torch.cdist(places_m, places_m)
    for low, high in pairwise(DISTANCES_MM):
        pairs = (distance_mm > low) & (distance_mm <= high)
        print(f"points {low:3d} to {high:3d} mm apart: correlation {correlation[pairs].mean():5.2f}")


if __name__ == "__main__":
    options = read_options(sys.argv[1:], DEFAULTS)
    main(int(options["heads"]), int(options["seed"]), Path(options["out"]) if options["out"] else None)
