"""The methods that have a name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

from shared.evaluate.faces import FaceMesh
from shared.evaluate.protocol import Method, Reconstruction
from shared.flame.assets import load_flame
from shared.plugins.factories import find_factory, registered
from shared.runs.errors import UserError


def find_method(name: str, flame: str | None = None, options: Sequence[str] = ()) -> Callable[[], Method]:
    """What builds the method of the option ``method=``.

    Args:
        name: of the method, or of its factory.
        flame: the head that it is to work with, as `load_flame` takes it; None: its own choice.
        options: of the method itself, each ``key=value``.

    Raises:
        UserError: there is none of that name, it does not take what is given, or it builds none.
    """
    factory = find_factory("method", name, registered("methods"))
    given = {key: value for key, value in (("flame", flame), ("options", tuple(options))) if value}
    takes = inspect.signature(factory).parameters
    for key, option in (("flame", "flame"), ("options", "method_options")):
        if key in given and key not in takes:
            raise UserError(f"{option}= is not for method={name}: its factory takes no {key!r}")

    def build() -> Method:
        method: Method = factory(**given)
        if not callable(method):
            raise UserError(f"method={name} must return a function of a Picture, not a {type(method).__name__}")
        return method

    return build


def mean_head(flame: str | None = None) -> Method:
    """The template of a head for every picture: what a method must beat to be of use."""
    head = template_head(flame)
    return lambda picture: head


def template_head(flame: str | None = None) -> Reconstruction:
    """A head as it is without any codes; the open head if not another is named."""
    assets = load_flame(flame)
    mesh = FaceMesh.of_head(assets.v_template, assets)
    return Reconstruction(posed=mesh, neutral=mesh)
