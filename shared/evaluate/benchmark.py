"""The synthetic benchmark: 40 people who are in no training data, 10 pictures each, always the same ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Literal

from shared.evaluate.faces import skin_samples
from shared.evaluate.groups import PORTRAIT_DIMENSIONS
from shared.evaluate.truth_set import BenchmarkItem, TruthSet
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.synthetic.scene.portrait import Portrait

if TYPE_CHECKING:
    from shared.synthetic.studio import PortraitStudio

SEED = 40_000_003  # of this benchmark alone: training takes small ones
PERSONS = 40
SIZE = (512, 512)  # (height, width) of the pictures
Kind = Literal["neutral", "posed", "profile", "occluded"]
VIEWS: tuple[Kind, ...] = (  # of each person
    "neutral", "neutral", "neutral", "posed", "posed", "posed", "profile", "profile", "occluded", "occluded",
)  # fmt: skip


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
    samples = skin_samples(model.assets)

    def item(index: int) -> BenchmarkItem:
        return BenchmarkItem.of(draw(index), model, samples)

    return TruthSet(name, tuple(ids), item, PORTRAIT_DIMENSIONS, model.assets, of_samples=True)


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
