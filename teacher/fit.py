"""Fit a FLAME head to one picture or clip: an overlay to look at, meshes, and parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shared.config.loading import load_config
from shared.runs.device import choose_device, one_thread
from shared.runs.entry import run_entry
from shared.runs.errors import UserError
from teacher.config import FitInputConfig

if TYPE_CHECKING:  # decoders take seconds to import, and the usage should appear at once
    from shared.images.source import InputRef

EXAMPLE = """
python teacher/fit.py input=face.jpg out=runs/face
python teacher/fit.py input=group.jpg out=runs/group faces=all focal_35mm=26 morph_targets=true
python teacher/fit.py configs/teacher/fit.yaml input=clip.mp4 out=runs/clip meshes=true
"""


def main(argv: list[str]) -> int:
    """Parse, fit, report."""
    config = load_config(FitInputConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from teacher.pipeline.tools import build_tools
    from teacher.runs.clip import fit_clip  # after the options, as these take seconds to import
    from teacher.runs.photo import fit_photo

    one_thread()
    ref = find_input(config.input)
    tools = build_tools(config, choose_device(config.device))
    files = fit_clip(ref, config, tools) if ref.kind == "video" else fit_photo(ref, config, tools)
    print("files:")
    for path in files[:8]:
        print(f"  {path}  ({path.stat().st_size / 1000:.0f} kB)")
    if len(files) > 8:
        print(f"  and {len(files) - 8} more")
    return 0


def find_input(name: str) -> InputRef:
    """The one photo or clip of that name. UserError if it is something else, or not there."""
    from shared.images.decode import InputError
    from shared.images.source import find_inputs

    if Path(name).is_dir():
        raise UserError(f"input={name} is a folder: use teacher/fit_dataset.py inputs={name}")
    try:
        refs = find_inputs(name)
    except InputError as error:
        raise UserError(f"input={name}: {error.reason}") from error
    if len(refs) != 1:
        raise UserError(f"input={name} names {len(refs)} files: use teacher/fit_dataset.py inputs={name}")
    if refs[0].kind == "camera":
        raise UserError(f"input={name} is a camera: this command takes a picture or a clip")
    return refs[0]


if __name__ == "__main__":
    run_entry(main)
