"""One studio for all tests; building it takes seconds."""

from __future__ import annotations

import pytest

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.synthetic.scene.portrait import Portrait
from shared.synthetic.studio import Order, PortraitStudio

SEED = 3


@pytest.fixture(scope="session")
def studio() -> PortraitStudio:
    return PortraitStudio(FlameModel(load_flame()), (256, 256))


@pytest.fixture(scope="session")
def portraits(studio: PortraitStudio) -> list[Portrait]:
    orders = [Order.draw(SEED, index) for index in range(8)]
    orders += [Order(SEED, index, index, "posed") for index in range(8, 13)]
    return [studio.portrait(order) for order in orders]
