"""Compare evaluations of one set, by picture and by person: `python -m shared.evaluate.compare RUN RUN ...`.

RUN is a folder that `python -m shared.evaluate` wrote; the first is what the others are measured against.
Intervals hold with 95 % probability over the draw of people.
"""

from __future__ import annotations

from pathlib import Path

from shared.config.loading import UsageError
from shared.evaluate.paired import Change, changes
from shared.evaluate.rows import Row
from shared.evaluate.run_folder import RunFolder
from shared.runs.entry import run_entry
from shared.runs.errors import UserError


def main(argv: list[str]) -> int:
    """Parse, compare, print."""
    if not argv or any(argument in ("help", "-h", "--help") for argument in argv):
        raise UsageError(__doc__ or "", 0)
    if len(argv) < 2:
        raise UsageError(f"{__doc__}\nmissing: a second folder, to compare with {argv[0]}", 2)
    runs = {name: _rows(Path(name)) for name in argv}
    base, *others = argv
    for other in others:
        print(f"{base} -> {other}")
        found = changes(runs[base], runs[other])
        for name, change in found.items():
            print(f"  {name:<22} {_line(change)}")
        if not found:
            print("  there is no picture on which both have the same measure")
        for run in (base, other):
            failed = sum(row.state != "scored" for row in runs[run].values())
            if failed:
                print(f"  {failed} of {len(runs[run])} pictures are without a reconstruction in {run}")
    return 0


def _line(change: Change) -> str:
    parts = [f"{change.first:7.3f} -> {change.second:7.3f}  {change.difference:+7.3f}"]
    parts.append(f"({_between(change.difference_interval, '{:+.3f}')})")
    if change.relative is not None:
        parts.append(f"{change.relative:+7.1%} ({_between(change.interval, '{:+.1%}')})")
    return " ".join([*parts, f"over {change.pictures} pictures"])


def _between(bound: tuple[float, float] | None, form: str) -> str:
    return "one person: no interval" if bound is None else " to ".join(form.format(end) for end in bound)


def _rows(root: Path) -> dict[str, Row]:
    rows = RunFolder(root).rows()
    if not rows:
        raise UserError(f"{root} holds no evaluation: name folders that were out= of python -m shared.evaluate")
    return rows


if __name__ == "__main__":
    run_entry(main)
