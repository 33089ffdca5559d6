"""An evaluation on real heads as text, for the terminal and the docs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shared.evaluate.intervals import Estimate
from teacher.prior.evaluation.deviations import Agreement
from teacher.prior.evaluation.real_figures import RealFigure, RealGroup

_LABEL, _CELL = 15, 7
_HEADS = ("mean", "median", "m.head", "median", "corr", "own")
_KINDS = (
    ("normal_deg", "normals, degrees"),
    ("uv_mm", "UV, mm on the head"),
    ("points_mm", "points, mm in the picture"),
)
LEGEND = (
    "Places: seen points of the scans, evenly over the skin; points: seen vertices of the head laid on the scan.",
    "m.head: the mean head of the model with the true pose and expression, at the same pixels or vertices.",
    "corr: cosine between predicted and true deviations from it; own: at the same place of the head, less what",
    "all other people have in common; - where nothing deviates. Brackets: 95 % over people.",
)


def lines(judged: Mapping[str, Sequence[RealGroup]], laid: Sequence[RealGroup]) -> Iterator[str]:
    """The whole evaluation.

    Args:
        judged: by how the network was asked.
        laid: of the head laid on the scans.
    """
    for title, groups in judged.items():
        yield from _table(title, groups)
        yield from _remarks(groups[0])
        yield ""
    if laid:
        yield from _laid(laid[0])
    yield from LEGEND


def _table(title: str, groups: Sequence[RealGroup]) -> Iterator[str]:
    kinds = [(key, name) for key, name in _KINDS if key in groups[0].errors]
    width = _CELL * len(_HEADS)
    yield f"{title:<{_LABEL + 6}}" + "".join(f"|{name:^{width}} " for _, name in kinds)
    yield f"{'':<{_LABEL}}{'n':>5} " + "".join(
        "|" + "".join(f"{head:>{_CELL}}" for head in _HEADS) + " " for _ in kinds
    )
    dimension = ""
    for group in groups:
        if group.dimension != dimension:
            dimension = group.dimension
            yield dimension
        label = ("  " if dimension else "") + group.label
        cells = "".join(f"|{_cells(group.errors.get(key))} " for key, _ in kinds)
        yield f"{label[:_LABEL]:<{_LABEL}}{group.pictures:>5} {cells}"


def _cells(figure: RealFigure | None) -> str:
    if figure is None:
        return f"{'-':>{_CELL}}" * len(_HEADS)
    numbers = (figure.mean.value, figure.median, figure.mean_head.mean, figure.mean_head.median)
    return "".join(f"{one:{_CELL}.2f}" for one in numbers) + "".join(
        _correlation(one) for one in (figure.mean_head.agreement, figure.own)
    )


def _correlation(agreement: Agreement | None) -> str:
    return f"{'-':>{_CELL}}" if agreement is None else f"{agreement.correlation.value:{_CELL}.2f}"


def _remarks(group: RealGroup) -> Iterator[str]:
    """Intervals, and the other mean heads."""
    for key, name in _KINDS:
        if key not in group.errors:
            continue
        figure = group.errors[key]
        against = {
            "mean head": figure.mean_head,
            "at rest": figure.neutral_head,
            "at the same place of the head": figure.same_place,
        }
        yield f"{name}: {_interval(figure.mean)}"
        for label, head in against.items():
            if head is not None:
                yield (
                    f"  {label}: {head.mean:.2f}, the maps gain {_interval(head.gain)}; deviations from it: "
                    f"{_agreement(head.agreement)}"
                )
        if figure.own is not None:
            yield f"  the person's own deviations: {_agreement(figure.own)}"


def _laid(group: RealGroup) -> Iterator[str]:
    figure = group.errors["normal_deg"]
    yield f"The head laid on the scans: normals {figure.mean.value:.2f} degrees (mean), {figure.median:.2f} (median);"
    yield f"  its deviations from the mean head: {_agreement(figure.mean_head.agreement)}"
    if figure.same_place is not None:
        yield f"  at the same place of the head: {_agreement(figure.same_place.agreement)}"
    if figure.own is not None:
        yield f"  the person's own: {_agreement(figure.own)}"


def _agreement(agreement: Agreement | None) -> str:
    if agreement is None:
        return "none predicted"
    return f"correlation {_interval(agreement.correlation)}, strength {_interval(agreement.strength)}"


def _interval(estimate: Estimate) -> str:
    if estimate.interval is None:
        return f"{estimate.value:.2f}"
    low, high = estimate.interval
    return f"{estimate.value:.2f} [{low:.2f}, {high:.2f}]"
