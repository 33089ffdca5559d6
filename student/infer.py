"""Predict heads with the student: of a photo, a clip, a camera, or a folder of photos and clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.config.loading import load_config
from shared.runs.device import one_thread
from shared.runs.entry import EXIT_FAILURE, EXIT_INTERRUPTED, run_entry
from shared.runs.errors import UserError
from student.config import InferConfig

if TYPE_CHECKING:  # takes seconds to import, and the usage should appear at once
    from student.inference.report import InputReport

EXAMPLE = """
python student/infer.py input=face.jpg out=runs/face
python student/infer.py input=clip.mp4 out=runs/clip checkpoint=nano meshes=true
python student/infer.py input=0 out=runs/camera window=true focal_35mm=28
"""


def main(argv: list[str]) -> int:
    """Parse, predict, report."""
    config = load_config(InferConfig, argv, about=__doc__ or "", example=EXAMPLE)
    import torch  # after the options, as these take seconds to import

    from student.inference.run import inputs_of, run_inputs
    from student.inference.tools import build_tools

    one_thread()
    refs = inputs_of(config)
    torch.set_num_threads(config.threads)  # ONNX Runtime's session takes as many
    tools = build_tools(config)
    reports = run_inputs(refs, tools)
    if len(reports) == 1:
        show(reports[0])
        if reports[0].state in ("failed", "no face"):
            raise UserError(f"input={config.input}: {reports[0].reason}")
    print(f"report: {config.out}/report.json")
    if any(report.interrupted and report.kind != "camera" for report in reports):
        return EXIT_INTERRUPTED
    return 0 if any(report.state in ("done", "doubtful", "partial") for report in reports) else EXIT_FAILURE


def show(report: InputReport) -> None:
    """Times by stage, and the files."""
    if report.stages and report.fps:
        print(f"  {report.fps:.1f} frames a second end to end")
        print(f"  {'stage':<12}{'p50 ms':>9}{'p95 ms':>9}{'frames':>9}")
        for name, stage in report.stages.items():
            print(f"  {name:<12}{stage['p50_ms']:>9.2f}{stage['p95_ms']:>9.2f}{stage['count']:>9.0f}")
    if report.files:
        print("files:")
        for path in report.files[:8]:
            print(f"  {path}")
        if len(report.files) > 8:
            print(f"  and {len(report.files) - 8} more")


if __name__ == "__main__":
    run_entry(main)
