"""How good a network is on the synthetic benchmark: with the landmarks, without them, and with a part covered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from tqdm import tqdm

from teacher.prior.evaluation.benchmark_crops import BenchmarkCrop
from teacher.prior.evaluation.figures import Group, Row, group_of, summarise
from teacher.prior.evaluation.measure import Errors, PriorScore, measure, measure_landmarks, measure_lookup
from teacher.prior.geometry.lookup import UvIndex
from teacher.prior.geometry.surface import HeadSurface
from teacher.prior.records import N_PARTS, PriorInput, PriorPrediction

COVERED_SHARE = 0.3  # of the face's visible skin, by the patch
Predict = Callable[[Sequence[PriorInput]], Iterable[PriorPrediction]]  # one each, on the CPU, without leading dimension
Item = TypeVar("Item")


class Crops(Protocol):
    """The benchmark, as `BenchmarkCrops`."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> BenchmarkCrop: ...

    def covered(self, place: int, share: float) -> BenchmarkCrop | None:
        """The picture with a patch over ``share`` of the face; None if it has no free face."""
        ...


@dataclass(frozen=True, eq=False)
class Judged:
    """A network on the benchmark's pictures."""

    with_landmarks: list[Group]
    without_landmarks: list[Group]
    covered_with: list[Group]  # beside the patch and under it
    covered_without: list[Group]


@dataclass(frozen=True, eq=False)
class Judge:
    """What it takes to judge a prediction."""

    surface: HeadSurface
    vertices: UvIndex | None  # the target's points; None: the UV map's points are not looked for

    def row(self, crop: BenchmarkCrop, inputs: PriorInput, prediction: PriorPrediction) -> Row:
        """One picture: "normal_deg", "uv_mm" and "points_mm" as in `PriorScore`; "by_map_mm" and "by_points_mm" as in
        `FoundPoints`; "landmarks_uv_mm", what the landmarks alone say, and "refined_uv_mm", the network there.
        """
        score = measure(prediction, crop.target, self.surface, N_PARTS, crop.covered)
        errors, judged = _errors(score), 0
        if bool(inputs.has_landmarks) and score.uv_mm is not None:
            errors["landmarks_uv_mm"], there = measure_landmarks(inputs, crop.target, self.surface)
            errors["refined_uv_mm"] = score.uv_mm.where(there)
        if self.vertices is not None and prediction.maps.uv is not None:
            found = measure_lookup(prediction, crop.target, self.vertices)
            errors["by_map_mm"], judged = found.by_map_mm, found.judged
            if found.by_points_mm is not None:
                errors["by_points_mm"] = found.by_points_mm
        return Row(crop.facts, crop.found, errors, score.parts, judged)


def evaluate(predict: Predict, crops: Crops, judge: Judge, batch_size: int = 16, quiet: bool = False) -> Judged:
    """Judge every picture of the benchmark in all ways.

    Args:
        predict: the network.
        crops: for it.
        judge: of the same head and points.
        batch_size: pictures that are read together.
        quiet: no progress bar.
    """
    plain: tuple[list[Row], list[Row]] = ([], [])
    covered: tuple[list[Row], list[Row]] = ([], [])
    patched = Judge(judge.surface, None)
    with tqdm(total=len(crops), unit="picture", dynamic_ncols=True, disable=quiet) as bar:
        for places in batches(range(len(crops)), batch_size):
            some = [crops[place] for place in places]
            patches = [crop for place in places if (crop := crops.covered(place, COVERED_SHARE)) is not None]
            for hide in (False, True):
                plain[hide].extend(rows_of(predict, some, judge, hide))
                covered[hide].extend(rows_of(predict, patches, patched, hide))
            bar.update(len(some))
    return Judged(*(summarise(rows) for rows in plain), *(_beside_and_under(rows) for rows in covered))


def rows_of(predict: Predict, crops: Sequence[BenchmarkCrop], judge: Judge, hide_landmarks: bool) -> list[Row]:
    """Judge some pictures in one way."""
    inputs = [crop.input.without_landmarks() if hide_landmarks else crop.input for crop in crops]
    return [judge.row(*one) for one in zip(crops, inputs, predict(inputs), strict=True)]


def _errors(score: PriorScore) -> dict[str, Errors]:
    each = {name: getattr(score, name) for name in ("normal_deg", "uv_mm", "points_mm")}
    return {name: errors for name, errors in each.items() if errors is not None}


def _beside_and_under(rows: Sequence[Row]) -> list[Group]:
    """The same pictures twice: outside the patch, and under it."""
    groups = []
    for label, under in (("beside", False), ("under", True)):
        some = [
            Row(
                row.facts,
                row.found,
                {name: errors.where(errors.covered == under) for name, errors in row.errors.items()},
                None if under else row.parts,
            )
            for row in rows
        ]
        groups.append(group_of("patch", label, some))
    return groups


def batches(items: Sequence[Item], count: int) -> Iterator[list[Item]]:
    for start in range(0, len(items), count):
        yield [items[place] for place in range(start, min(start + count, len(items)))]
