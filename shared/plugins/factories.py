"""Methods, sets and other parts by name, or as ``package.module:factory``."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from shared.runs.errors import UserError


def registered(group: str) -> dict[str, str]:
    """Names of parts and their "package.module:factory", as installed packages declare them.

    Ours are in pyproject.toml under ``[project.entry-points."pixel3dmm_distill.GROUP"]``; so this package names no
    other, and a package of a user's can add to them. Nothing is imported.
    """
    return {point.name: point.value for point in entry_points(group=f"pixel3dmm_distill.{group}")}


def find_factory(option: str, name: str, known: Mapping[str, str], takes: Sequence[str] = ()) -> Callable[..., Any]:
    """The factory that ``name`` stands for, or names.

    Args:
        option: of the command, for messages.
        name: a key of ``known``, or "package.module:factory".
        known: short names and their "package.module:factory", see `registered`.
        takes: what the factory is given, in order; nothing by default.

    Raises:
        UserError: there is no such name, module or factory, or it wants other arguments.
    """
    target = known.get(name, name)
    module_name, colon, factory_name = target.partition(":")
    if not (module_name and colon and factory_name):
        close = difflib.get_close_matches(name, known, 1, 0.5)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UserError(f"{option}={name}: give {', '.join(known)}, or package.module:factory{hint}")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there and misses one of its own
        raise UserError(f"{option}={name}: there is no module {error.name} (started in another folder?)") from error
    factory = getattr(module, factory_name, None)
    if not callable(factory):
        raise UserError(f"{option}={name}: {module_name} has no function {factory_name}")
    if not _can_take(factory, takes):
        given = f"these arguments: {', '.join(takes)}" if takes else "no arguments"
        raise UserError(f"{option}={name} must take {given}; it is called once and returns the {option}")
    return factory


def _can_take(factory: Callable[..., Any], arguments: Sequence[str]) -> bool:
    try:
        inspect.signature(factory).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # not written in Python, and has no signature
        pass
    return True
