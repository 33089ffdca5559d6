"""Write a trained student as ONNX and torch.export files that run without this project, checked against the network."""

from __future__ import annotations

from shared.config.loading import load_config
from shared.runs.entry import run_entry
from student.config import ExportConfig

EXAMPLE = """
python student/export.py checkpoint=base out=runs/export
python student/export.py checkpoint=nano out=runs/export quantise=static calibration=photos
python student/export.py checkpoint=runs/student out=runs/export format=both
"""


def main(argv: list[str]) -> int:
    """Parse, export, report."""
    config = load_config(ExportConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from student.deploy.run import export  # after the options, as this takes seconds to import

    files = export(config)
    print("files:")
    for path in files:
        print(f"  {path}  ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    run_entry(main)
