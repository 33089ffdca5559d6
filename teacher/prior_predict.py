"""Predict normals, UV, parts and points of every face in photos and clips, with what the network doubts."""

from __future__ import annotations

from shared.config.loading import load_config
from shared.runs.device import choose_device
from shared.runs.entry import run_entry
from teacher.config import PriorPredictConfig

EXAMPLE = """
python teacher/prior_predict.py inputs=face.jpg out=runs/maps
python teacher/prior_predict.py inputs=photos out=runs/maps flip=true faces=all
python teacher/prior_predict.py weights=runs/prior/weights.safetensors inputs=clip.mp4 out=runs/clip_maps
"""


def main(argv: list[str]) -> int:
    """Parse, predict, report."""
    config = load_config(PriorPredictConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from teacher.prior.prediction.tools import build_tools
    from teacher.runs.map_prediction import run_prediction  # after the options, as these take seconds to import

    summary = run_prediction(config, build_tools(config, choose_device(config.device)))
    print("\n".join(summary.lines()))
    print(f"maps: {config.out}/maps   report: {config.out}/report.json   look at: {config.out}/contact_sheet.jpg")
    return 0


if __name__ == "__main__":
    run_entry(main)
