"""``key=value`` options of the benchmark scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def read_options(arguments: Sequence[str], defaults: Mapping[str, str]) -> dict[str, str]:
    """Words ``key=value`` over the defaults; SystemExit on an unknown key."""
    options = dict(defaults)
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if not separator or key not in options:
            known = " ".join(f"{name}={default}" for name, default in defaults.items())
            raise SystemExit(f"unknown option {argument!r}; the options and their defaults: {known}")
        options[key] = value
    return options
