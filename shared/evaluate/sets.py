"""The sets that have a name."""

from __future__ import annotations

from pathlib import Path

from shared.config import EvaluateConfig
from shared.evaluate.real_heads import real_heads
from shared.evaluate.scan_set import is_scan_folder, scan_set
from shared.evaluate.truth_set import TruthSet
from shared.plugins.factories import find_factory
from shared.runs.errors import UserError

REAL_HEADS = "real_heads"
SETS = {"benchmark": "shared.evaluate.benchmark:synthetic"}


def load_truth_set(config: EvaluateConfig) -> TruthSet:
    """The set of the option ``set=``. UserError if there is none of that name, or it is no set."""
    name = config.set
    if name == REAL_HEADS:
        return real_heads(Path(config.path or ""), config.part, config.expressions)
    if name not in SETS and is_scan_folder(Path(name)):
        return scan_set(Path(name))
    if name not in SETS and ":" not in name:
        names = ", ".join((REAL_HEADS, *SETS))
        raise UserError(f"set={name}: no such folder; give one of photos, {names}, or package.module:factory")
    pictures = find_factory("set", name, SETS)()
    if not isinstance(pictures, TruthSet):
        raise UserError(f"set={name} must return a TruthSet, not a {type(pictures).__name__}")
    return pictures
