"""A first look: fit a photo and rendered heads whose truth is known, and predict their maps."""

from __future__ import annotations

from pathlib import Path

from shared.config.loading import load_config
from shared.runs.entry import run_entry
from teacher.config import DemoConfig

EXAMPLE = "python teacher/demo.py out=runs/demo"


def main(argv: list[str]) -> int:
    """Write the inputs, label them, compare."""
    config = load_config(DemoConfig, argv, about=__doc__ or "", example=EXAMPLE)
    # After the options, as it takes seconds to import.
    from teacher.runs.demonstration import compare, demo_tools, predict_maps, write_inputs

    out = Path(config.out)
    tools, run_config = demo_tools(config)
    write_inputs(out, config, tools.model)
    print(compare(out, run_config, tools))
    sheet = predict_maps(out)
    print(f"\nlook at  {out}/report.html, {out}/previews")
    print(f"maps     {sheet}: picture, UV, normals, parts and confidence by the shipped network")
    print(f"labels   {out}/labels (read them with shared.labels.shard.read_labels), truth in {out}/truth")
    return 0


if __name__ == "__main__":
    run_entry(main)
