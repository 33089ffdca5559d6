"""The demo's clip and photo, and the comparison with what is true of the clip."""

from __future__ import annotations

import statistics
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from shared.evaluate.metrics import vertex_error_mm
from shared.export.npz import read_params, write_params
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.images.encode import write_jpeg
from shared.images.video_writer import VideoWriter
from shared.records.tensor_record import stack
from shared.synthetic.heads import PAINTED
from shared.synthetic.motion import shots_in_motion, vertices_of
from shared.synthetic.studio import Order, PortraitStudio
from student.config import InferConfig, StudentDemoConfig
from student.inference.report import InputReport
from student.inference.run import inputs_of, run_inputs
from student.inference.tools import build_tools

RATE_HZ = 30.0
_CLIP, _PHOTO, _TRUTH = "clip.mp4", "photo_astronaut.jpg", "clip.npz"


def write_inputs(config: StudentDemoConfig, model: FlameModel) -> Path:
    """A photo, and a rendered person in motion, whose truth goes to ``truth/`` as parameters. Their folder."""
    from skimage.data import astronaut

    folder, truth = Path(config.out) / "inputs", Path(config.out) / "truth" / _TRUTH
    write_jpeg(folder / _PHOTO, astronaut())
    size = (config.size, config.size)
    studio = PortraitStudio(model, size)
    shots = shots_in_motion(studio, config.seed, 2, config.frames, RATE_HZ)
    with VideoWriter(folder / _CLIP, RATE_HZ) as writer:
        for shot in tqdm(shots, desc="rendering the clip", unit="frame", dynamic_ncols=True):
            writer.write(studio.portrait(Order(config.seed, 2, 2, "posed"), shot).image)
    write_params(truth, stack([shot.params for shot in shots]), stack([shot.camera for shot in shots]))
    return folder


def predict(config: StudentDemoConfig, inputs: Path, model: FlameModel) -> str:
    """Run the student on photo and clip; a table of both, and how far the clip's heads are from their truth."""
    root = Path(config.out)
    truth, camera = read_params(root / "truth" / _TRUTH)
    lines = [f"{'input':24} {'state':8} {'faces':>6} {'landmarks':>10} {'frames/s':>9}"]
    for name, focal_px in ((_PHOTO, None), (_CLIP, float(camera.focal_px[0, 0]))):
        report = _run(config, inputs / name, root / Path(name).stem, focal_px)
        marks = "-" if report.landmark_error is None else f"{report.landmark_error:.2%}"
        speed = "-" if report.kind == "photo" or report.fps is None else f"{report.fps:.0f}"
        lines.append(f"{name:24} {report.state:8} {report.found:>6} {marks:>10} {speed:>9}")
    output = root / Path(_CLIP).stem / "params.npz"
    if output.is_file():
        found, mean_head = clip_errors(output, truth, model)
        lines.append(
            f"\nthe clip's faces are {found:.2f} mm from the truth, the mean head {mean_head:.2f} mm "
            f"(vertices of the face, after rigid alignment, mean over the frames).\n{PAINTED}"
        )
    return "\n".join(lines)


def clip_errors(output: Path, truth: FlameParams, model: FlameModel) -> tuple[float, float]:
    """Mean error in mm of a clip's heads where a face was followed, and of the mean head in their place."""
    params, _ = read_params(output)
    with np.load(output) as arrays:
        tracked = torch.from_numpy(arrays["tracked"].astype(bool)).nonzero()[:, 0]
    true, found = (vertices_of(model, one[tracked]) for one in (truth, params))
    mean_head = model(model.neutral_params()).verts_m
    face = model.assets.region("face")
    rows = range(len(true))
    return (
        statistics.fmean(_error(found[row], true[row], face) for row in rows),
        statistics.fmean(_error(mean_head, true[row], face) for row in rows),
    )


def _error(verts_m: Tensor, truth_m: Tensor, face: Tensor) -> float:
    return float(vertex_error_mm(verts_m[face].double(), truth_m[face].double()))


def _run(config: StudentDemoConfig, path: Path, out: Path, focal_px: float | None) -> InputReport:
    options = InferConfig(
        input=str(path), out=str(out), checkpoint=config.checkpoint, focal_px=focal_px, overwrite=True
    )
    (report,) = run_inputs(inputs_of(options), build_tools(options))
    return report
