"""Which group a picture belongs to, and the numbers of a group by hand."""

from __future__ import annotations

import json

import pytest

from shared.evaluate.groups import PORTRAIT_DIMENSIONS
from shared.evaluate.rows import Row, read_rows, set_checksum
from shared.evaluate.summary import summarise
from shared.evaluate.table import table
from tests.evaluate.plain_set import facts

BY_NAME = {dimension.name.split(",")[0]: dimension for dimension in PORTRAIT_DIMENSIONS}


@pytest.mark.parametrize(
    ("name", "changes", "label"),
    [
        ("yaw", {"yaw_deg": 0.0}, "0 to 20"),
        ("yaw", {"yaw_deg": -19.9}, "0 to 20"),
        ("yaw", {"yaw_deg": -20.0}, "20 to 40"),
        ("yaw", {"yaw_deg": 59.0}, "40 to 60"),
        ("yaw", {"yaw_deg": -95.0}, "over 60"),
        ("expression", {"expression_mm": 0.4}, "0 to 0.5"),
        ("expression", {"expression_mm": 9.0}, "over 3"),
        ("occluded", {"occluded": 0.0}, "0 to 2"),
        ("occluded", {"occluded": 0.03}, "2 to 10"),
        ("occluded", {"occluded": 0.5}, "over 25"),
        ("skin tone", {"skin_tone_deg": 60.0}, "very light"),
        ("skin tone", {"skin_tone_deg": 55.0}, "light"),
        ("skin tone", {"skin_tone_deg": 20.0}, "tan"),
        ("skin tone", {"skin_tone_deg": -29.0}, "brown"),
        ("skin tone", {"skin_tone_deg": -30.0}, "dark"),
        ("skin tone", {"skin_tone_deg": -80.0}, "dark"),
        ("kind", {"kind": "occluded"}, "occluded"),
    ],
)
def test_the_group_of_a_picture(name: str, changes: dict, label: str) -> None:
    dimension = BY_NAME[name]
    assert dimension.label_of(vars(facts(**changes))) == label
    assert label in dimension.labels


def row(id: str, posed: float | None, neutral: float | None = None, yaw: float = 0.0, person: int = 0) -> Row:
    """Errors as given, and the landmarks' a tenth of the posed one; None where the method found nothing."""

    def numbers(l2: float) -> dict[str, float]:
        names = ("l1_mm", "l2_mm", "normal_cosine", "recall_1", "recall_2_5", "recall_5", "recall_10")
        return dict.fromkeys(names, 0.5) | {"l2_mm": l2}

    errors = {"posed": posed, "neutral": neutral}
    scores = {
        task: {"by_landmarks": numbers(l2), "scaled": numbers(0.8 * l2), "by_icp": numbers(l2 / 2)}
        for task, l2 in errors.items()
        if l2
    }
    known = vars(facts(yaw_deg=yaw, person=person))
    return Row(
        id, 0, "scored" if scores else "no face", image_sha=id, facts=known, scores=scores or None,
        landmark_error=posed and posed / 10,
    )  # fmt: skip


def test_groups_by_hand() -> None:
    rows = [row("a", 1.0, 2.0), row("b", 2.0, 4.0, 30.0), row("c", 9.0, 6.0, 30.0), row("d", None, None, 30.0)]
    groups = {(group.dimension, group.label): group for group in summarise(rows, PORTRAIT_DIMENSIONS)}
    whole = groups["", "all"]
    assert (whole.count, whole.failed) == (4, 1)
    assert whole.tasks["posed"]["by_landmarks"].mean["l2_mm"] == 4.0
    assert whole.tasks["posed"]["by_landmarks"].median["l2_mm"] == 2.0
    assert whole.tasks["posed"]["by_icp"].mean["l2_mm"] == 2.0
    assert whole.tasks["neutral"]["by_landmarks"].mean["l2_mm"] == 4.0
    assert whole.landmark_error is not None
    assert whole.landmark_error.mean == pytest.approx(0.4)
    turned = groups["yaw, degrees", "20 to 40"]
    assert (turned.count, turned.failed, turned.tasks["posed"]["by_landmarks"].mean["l2_mm"]) == (3, 1, 5.5)
    assert ("yaw, degrees", "over 60") not in groups
    backwards = [
        group.label for group in summarise(rows[::-1], PORTRAIT_DIMENSIONS) if group.dimension.startswith("yaw")
    ]
    assert backwards == ["0 to 20", "20 to 40"]


def test_the_table_has_a_dash_where_there_is_nothing() -> None:
    lines = list(table(summarise([row("a", 1.25), row("b", None, None, 30.0)], PORTRAIT_DIMENSIONS)))
    whole = next(line for line in lines if line.startswith("all"))
    assert whole.split("|")[1].split() == ["1.25", "1.25", "0.50", "0.500", "0.500", "0.50", "1.00", "0.62"]
    assert whole.split("|")[2].split() == ["-"] * 8  # no neutral meshes
    nothing = next(line for line in lines if line.startswith("  20 to 40"))
    assert nothing.split() == ["20", "to", "40", "1", "1", *(["|", *["-"] * 8] * 2), "|", "-"]


def test_rows_read_back_and_a_line_cut_off_does_not_matter(tmp_path) -> None:
    rows = [row("a", 1.0, 2.0), row("b", None)]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join([rows[0].to_json(), rows[1].to_json()[:40], rows[1].to_json(), '{"id"']))
    found = read_rows(path)
    assert [found[name].scores for name in "ab"] == [rows[0].scores, None]
    assert found["a"].facts == json.loads(rows[0].to_json())["facts"]
    assert read_rows(tmp_path / "none") == {}
    other = {**found, "b": row("c", None)}
    assert set_checksum(found) == set_checksum(dict(reversed(found.items()))) != set_checksum(other)
