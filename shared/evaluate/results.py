"""What a finished evaluation found, and its lines for the terminal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import Any

from shared.evaluate.photo_judge import WORTH
from shared.evaluate.rows import Row
from shared.evaluate.summary import Group
from shared.evaluate.table import intervals, motion_table, table

_ABSURD_MM = 30.0  # the mean head, and even its mirror image, are nearer


@dataclass(frozen=True, eq=False)
class Results:
    """A finished evaluation."""

    title: str
    manifest: dict[str, Any]  # what it was run on
    set_checksum: str
    has_truth: bool
    groups: list[Group]
    rows: list[Row]  # in the order of the set

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why pictures are not scored, the most frequent first."""
        states = Counter(row.reason or "no face found" for row in self.rows if row.state != "scored")
        return states.most_common()

    @property
    def seconds(self) -> float:
        """Median time of the method for a picture."""
        return median(row.seconds for row in self.rows)

    @property
    def _absurd(self) -> bool:
        posed = self.groups[0].tasks.get("posed")
        return posed is not None and posed["by_landmarks"].median["l2_mm"] > _ABSURD_MM

    def _tables(self) -> list[str]:
        return [*table(self.groups), *motion_table(self.groups), *intervals(self.groups[0])]

    def lines(self) -> list[str]:
        """For the terminal."""
        lines = [self.title, *(self._tables() if self.has_truth else _agreement(self.groups[0]))]
        lines += [f"{count:6d} x {reason}" for reason, count in self.reasons[:8]]
        if self.has_truth and self._absurd:
            lines.append("Errors this large come from meshes that are not in metres, or landmarks in another order.")
        return [*lines, f"{1e3 * self.seconds:.0f} ms a picture (median), checksum of the set {self.set_checksum}"]


def _agreement(group: Group) -> list[str]:
    marks = group.landmark_error
    figure = "no landmarks to compare"
    if marks is not None:
        figure = (
            f"landmarks {marks.mean:.2f} % of the eye distance from MediaPipe's (median {marks.median:.2f} %, "
            f"{marks.count} photos with a face)"
        )
    return [f"{group.count} photos, {group.failed} without a reconstruction: {figure}", WORTH]
