"""How an option is declared."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def option(default: Any, help: str, formerly: str = "") -> Any:
    """A field with its default, the line that the usage prints for it, and the name that it had before."""
    return field(default=default, metadata={"help": help, "formerly": formerly})


def require_positive(config: object, *names: str) -> None:
    """ValueError unless all of these fields are at least 1."""
    for name in names:
        if getattr(config, name) < 1:
            raise ValueError(f"{name} must be at least 1, got {getattr(config, name)}")


def require_not_negative(config: object, *names: str) -> None:
    """ValueError unless all of these fields are at least 0."""
    for name in names:
        if getattr(config, name) < 0:
            raise ValueError(f"{name} must not be negative, got {getattr(config, name)}")
