"""The demo's pictures, and the comparison with their truth."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from shared.evaluate.metrics import vertex_error_mm
from shared.export.npz import read_params, write_params
from shared.flame.model import FlameModel
from shared.flame.schema import FlameAssets
from shared.images.encode import write_jpeg
from shared.labels.shard import read_labels
from shared.runs.device import choose_device
from shared.synthetic.heads import PAINTED, HeadPainter
from teacher.config import DemoConfig, FitDatasetConfig, PriorPredictConfig
from teacher.dataset.report import read_entries
from teacher.dataset.run import run_dataset
from teacher.dataset.run_folder import open_run
from teacher.pipeline.tools import Tools, build_tools
from teacher.prior.prediction.tools import build_tools as prior_tools
from teacher.runs.map_prediction import run_prediction


def demo_tools(config: DemoConfig) -> tuple[Tools, FitDatasetConfig]:
    """The tools of the run, and its options."""
    run = FitDatasetConfig(inputs=str(Path(config.out) / "inputs"), out=config.out, shard_size=32, overwrite=True)
    return build_tools(run, choose_device(run.device)), run


def write_inputs(out: Path, config: DemoConfig, model: FlameModel) -> None:
    """A photo, and rendered heads with their focal length in EXIF; the truth goes to ``truth/`` as parameters."""
    from skimage.data import astronaut

    write_jpeg(out / "inputs" / "photo_astronaut.jpg", astronaut())
    painter = HeadPainter(model)
    for index in range(config.heads):
        head = painter(config.seed, index)
        name = f"head_{index:02d}"
        write_jpeg(out / "inputs" / f"{name}.jpg", head.image, focal_px=float(head.camera.focal_px[0]))
        write_params(out / "truth" / f"{name}.npz", head.params, head.camera)


def compare(out: Path, run: FitDatasetConfig, tools: Tools) -> str:
    """Label the inputs; a table of all pictures, for the rendered ones with the error of the vertices."""
    run_dataset(run, tools=tools)
    errors, means = vertex_errors(out, tools.model)
    lines = [
        f"{'picture':24} {'state':10} {'landmarks':>9} {'yaw':>5} {'eyes mm':>8} {'error mm':>9} {'mean head':>10}"
    ]
    for entry in read_entries(open_run(run)):
        name = entry["id"]
        if "landmark_error" not in entry:
            lines.append(f"{name:24} {entry['state']}")
            continue
        numbers = [_fixed(entry["landmark_error"], 9, "{:.2%}"), _fixed(entry["yaw_deg"], 5, "{:.0f}")]
        numbers += [_fixed(entry["eye_distance_mm"], 8), _fixed(errors.get(name), 9, "{:.2f}")]
        numbers += [_fixed(means.get(name), 10, "{:.2f}")]
        lines.append(f"{name:24} {entry['state']:10} " + " ".join(numbers))
    if errors:
        average, mean_head = (sum(values.values()) / len(values) for values in (errors, means))
        lines.append(
            f"\nrendered heads: the fitted faces are {average:.2f} mm from the truth, the mean head {mean_head:.2f} mm "
            "(vertices of the face, after rigid alignment).\n" + PAINTED
        )
    return "\n".join(lines)


def predict_maps(out: Path) -> Path:
    """What the shipped prior says of the inputs, pixel by pixel. The contact sheet."""
    config = PriorPredictConfig(inputs=str(out / "inputs"), out=str(out / "maps"), overwrite=True)
    run_prediction(config, prior_tools(config, choose_device(config.device)))
    return out / "maps" / "contact_sheet.jpg"


def vertex_errors(out: Path, model: FlameModel) -> tuple[dict[str, float], dict[str, float]]:
    """Face id -> mean error in mm of the labelled head, and of the mean head in its place."""
    labels = read_labels(out)
    mean_head = model(model.neutral_params()).verts_m
    errors, means = {}, {}
    for row, name in enumerate(labels.ids):
        truth_path = out / "truth" / f"{Path(name.rpartition('#')[0]).stem}.npz"
        if truth_path.is_file():
            truth = model(read_params(truth_path)[0]).verts_m
            errors[name] = face_error_mm(model(labels.params[row]).verts_m, truth, model.assets)
            means[name] = face_error_mm(mean_head, truth, model.assets)
    return errors, means


def face_error_mm(verts_m: Tensor, truth_m: Tensor, assets: FlameAssets) -> float:
    """Mean distance of corresponding face vertices (V, 3) after rigid alignment, expression included."""
    face = assets.region("face") if "face" in assets.regions else torch.ones(assets.n_vertices, dtype=torch.bool)
    return float(vertex_error_mm(verts_m[face].double(), truth_m[face].double()))


def _fixed(value: float | None, width: int, form: str = "{:.1f}") -> str:
    return f"{'-' if value is None else form.format(value):>{width}}"
