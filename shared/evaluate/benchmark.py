"""The synthetic benchmark: 40 people whom no training sees, 10 pictures each, always the same ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Literal

from shared.evaluate.truth_set import BenchmarkItem, TruthSet
from shared.factories import find_factory
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.runtime import UserError
from shared.synthetic.portrait import Portrait

if TYPE_CHECKING:
    from shared.synthetic.studio import PortraitStudio

SEED = 40_000_003  # of this benchmark alone: training takes small ones
PERSONS = 40
SIZE = (512, 512)  # (height, width) of the pictures
Kind = Literal["neutral", "posed", "profile", "occluded"]
VIEWS: tuple[Kind, ...] = (  # of each person
    "neutral", "neutral", "neutral", "posed", "posed", "posed", "profile", "profile", "occluded", "occluded",
)  # fmt: skip

SETS = {"benchmark": "shared.evaluate.benchmark:synthetic"}


def load_truth_set(name: str) -> TruthSet:
    """The set of the option ``set=``. UserError if there is none of that name, or it is no set."""
    if name not in SETS and ":" not in name:
        names = ", ".join(SETS)
        raise UserError(f"set={name}: no such folder; give one of photos, {names}, or package.module:factory")
    pictures = find_factory("set", name, SETS)()
    if not isinstance(pictures, TruthSet):
        raise UserError(f"set={name} must return a TruthSet, not a {type(pictures).__name__}")
    return pictures


def person_and_kind(index: int) -> tuple[int, Kind]:
    """Whom picture ``index`` shows, and how."""
    return index // len(VIEWS), VIEWS[index % len(VIEWS)]


def benchmark_of(draw: Callable[[int], Portrait], model: FlameModel) -> TruthSet:
    """The benchmark of portraits 0 to 399 as ``draw`` makes them, to the plan of `person_and_kind`.

    ``draw`` must depend on nothing but the index.
    """
    ids = []
    for index in range(PERSONS * len(VIEWS)):
        person, kind = person_and_kind(index)
        ids.append(f"{person:02d}-{index % len(VIEWS)}-{kind}")
    name = f"synthetic-{SEED}-{PERSONS}x{len(VIEWS)}-{SIZE[1]}x{SIZE[0]}"
    return TruthSet(name, model, tuple(ids), lambda index: BenchmarkItem.of(draw(index)))


def synthetic() -> TruthSet:
    """The benchmark of the open head: procedural portraits alone, so that it is the same everywhere."""
    model = FlameModel(load_flame())
    return benchmark_of(portraits_of(model), model)


def portraits_of(model: FlameModel) -> Callable[[int], Portrait]:
    """What draws picture ``index`` of the benchmark, with all its truth."""

    @cache
    def studio() -> PortraitStudio:  # takes seconds: not for a run that is finished
        from shared.synthetic.studio import PortraitStudio

        return PortraitStudio(model, SIZE)

    def draw(index: int) -> Portrait:
        from shared.synthetic.studio import Order

        person, kind = person_and_kind(index)
        return studio().portrait(Order(SEED, index, person, kind))

    return draw
