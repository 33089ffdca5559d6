"""An evaluation as text, for the terminal and the docs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from teacher.prior.evaluation.figures import WITHIN_IF_RIGHT, Figure, Group
from teacher.prior.evaluation.judge import COVERED_SHARE, Judged

# Heading, name of the error, statistic.
_COLUMNS = (
    ("mean", "normal_deg", "mean"),
    ("median", "normal_deg", "median"),
    ("median", "uv_mm", "median"),
    ("picture", "uv_mm", "picture_median"),
    ("mean", "uv_mm", "mean"),
    ("median", "points_mm", "median"),
    ("picture", "points_mm", "picture_median"),
    ("mean", "points_mm", "mean"),
)
_HEADS = ((2, "normals, degrees"), (3, "UV, mm on the head"), (3, "points, mm in the picture"))
_LABEL, _CELL = 26, 8
_KINDS = {"normal_deg": "normals", "uv_mm": "UV", "points_mm": "points"}
LEGEND = (
    "median, mean: of all pixels or vertices of the group together; picture: mean of the pictures' medians.",
    "Pixels are those of seen skin, lips and brows, points the seen vertices. MediaPipe places the crops either way.",
)


def lines(judged: Judged) -> Iterator[str]:
    """The whole evaluation."""
    for title, groups, covered in (
        ("with MediaPipe's landmarks", judged.with_landmarks, judged.covered_with),
        ("without landmarks", judged.without_landmarks, judged.covered_without),
    ):
        yield from _table(title, groups)
        yield from _remarks(groups[0])
        if covered and covered[0].pictures:
            yield from _patch(*covered)
        yield ""
    yield from LEGEND


def _table(title: str, groups: Sequence[Group]) -> Iterator[str]:
    heads = " |".join(f"{text:^{_CELL * width}}" for width, text in _HEADS)
    yield f"{title:<{_LABEL + 5}}|{heads} |   parts"
    columns = [f"{name:>{_CELL}}" for name, *_ in _COLUMNS]
    yield f"{'':<{_LABEL}}{'n':>4} |{_with_bars(columns)} |    mIoU"
    dimension = ""
    for group in groups:
        if group.dimension != dimension:
            dimension = group.dimension
            yield dimension
        label = ("  " if dimension else "") + group.label
        cells = [_cell(group.errors.get(name), statistic) for _, name, statistic in _COLUMNS]
        parts = f"{group.part_iou['mean']:{_CELL}.3f}" if group.part_iou else f"{'-':>{_CELL}}"
        yield f"{label[:_LABEL]:<{_LABEL}}{group.pictures:>4} |{_with_bars(cells)} |{parts}"


def _with_bars(cells: Sequence[str]) -> str:
    parts, start = [], 0
    for width, _ in _HEADS:
        parts.append("".join(cells[start : start + width]))
        start += width
    return " |".join(parts)


def _cell(figure: Figure | None, statistic: str) -> str:
    return f"{'-':>{_CELL}}" if figure is None else f"{getattr(figure, statistic):{_CELL}.2f}"


def _remarks(group: Group) -> Iterator[str]:
    """What else there is to say of all pictures."""
    if group.part_iou:
        yield "parts: " + ", ".join(f"{name} {value:.2f}" for name, value in group.part_iou.items() if name != "mean")
    output = {name: group.errors[key] for key, name in _KINDS.items() if key in group.errors}
    shares = [
        f"{name} {one.within_1:.0%} and {one.within_2:.0%}"
        for name, one in output.items()
        if one.within_1 is not None and one.within_2 is not None
    ]
    if shares:
        one, two = WITHIN_IF_RIGHT
        right = f"{one:.0%} and {two:.0%} if they are right"
        yield f"errors within one and two stated deviations ({right}): {', '.join(shares)}"
    errors = group.errors
    if "landmarks_uv_mm" in errors:
        alone, refined = errors["landmarks_uv_mm"], errors["refined_uv_mm"]
        yield (
            f"UV where the landmarks' mesh lies: {alone.median:.2f} mm (median) by the landmarks alone, "
            f"{refined.median:.2f} mm by the network; means {alone.mean:.2f} and {refined.mean:.2f} mm"
        )
    if "by_map_mm" in errors and group.points_in_map is not None:
        by_map, by_points = errors["by_map_mm"], errors.get("by_points_mm")
        text = f"seen vertices in the picture: {group.points_in_map:.0%} of them found in the UV map, "
        text += f"{by_map.median:.2f} mm off (median), mean {by_map.mean:.2f}"
        if by_points is not None:
            text += f"; the same ones by the points {by_points.median:.2f} mm, mean {by_points.mean:.2f}"
        yield text


def _patch(beside: Group, under: Group) -> Iterator[str]:
    yield f"{COVERED_SHARE:.0%} of the visible face skin under a patch, {beside.pictures} pictures:"
    for key, name in _KINDS.items():
        if key not in beside.errors or key not in under.errors:
            continue
        statistic, unit = ("mean", "degrees") if key == "normal_deg" else ("median", "mm")
        near, far = beside.errors[key], under.errors[key]
        values = [f"{getattr(one, statistic):.2f}" for one in (near, far)]
        text = f"  {name}, {statistic}: {values[0]} {unit} beside it, {values[1]} under it"
        if near.sigma and far.sigma:
            text += f"; stated deviation under it {far.sigma / near.sigma:.2f} times that beside it"
        yield text
