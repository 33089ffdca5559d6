"""What each part of the fit is worth: variants of it on the synthetic benchmark, in millimetres."""

from __future__ import annotations

from shared.config.loading import load_config
from shared.runs.device import choose_device, keep_freed_memory
from shared.runs.entry import run_entry
from shared.runs.errors import UserError
from teacher.config import AblationConfig

EXAMPLE = """
python teacher/ablate.py out=runs/ablation
python teacher/ablate.py out=runs/ablation first=40 prior=runs/prior/weights.safetensors
"""


def main(argv: list[str]) -> int:
    """Parse, look, fit, report."""
    config = load_config(AblationConfig, argv, about=__doc__ or "", example=EXAMPLE)
    from teacher.ablation.run import HEADING, run  # after the options, as these take seconds to import
    from teacher.ablation.subjects import Subjects
    from teacher.pipeline.tools import build_tools

    keep_freed_memory()
    tools = build_tools(config, choose_device("cpu"))
    if tools.prior is None:
        raise UserError("the ablation needs a network: give prior=auto or a weight file")
    print(HEADING)
    run(config, Subjects(tools.prior, tools.identity, tools.model, config))
    print(f"{config.out}/table.txt   {config.out}/results.json")
    return 0


if __name__ == "__main__":
    run_entry(main)
