"""The methods that have a name."""

from __future__ import annotations

from collections.abc import Callable

from shared.evaluate.faces import FaceMesh
from shared.evaluate.protocol import Method, Reconstruction
from shared.factories import find_factory
from shared.flame.assets import load_flame
from shared.runtime import UserError

METHODS = {
    "mean_head": "shared.evaluate.methods:mean_head",
    "landmarks": "teacher.methods:landmarks",
    "teacher": "teacher.methods:teacher",
    "student": "student.methods:student",
    "student_picture": "student.methods:student_picture",
    "student_refined": "student.methods:student_refined",
    "nano": "student.methods:nano",
}


def find_method(name: str) -> Callable[[], Method]:
    """What builds the method of the option ``method=``. UserError if there is none of that name, or it builds none."""
    factory = find_factory("method", name, METHODS)

    def build() -> Method:
        method: Method = factory()
        if not callable(method):
            raise UserError(f"method={name} must return a function of a Picture, not a {type(method).__name__}")
        return method

    return build


def mean_head() -> Method:
    """The open head's template for every picture: what a method must beat to have seen anything."""
    head = template_head()
    return lambda picture: head


def template_head() -> Reconstruction:
    """The open head as it is without any codes."""
    assets = load_flame()
    mesh = FaceMesh.of_head(assets.v_template, assets)
    return Reconstruction(posed=mesh, neutral=mesh)
