"""How options reach a command: dataclass defaults <- YAML file <- ``key=value``. The dataclasses are in `config`."""

from __future__ import annotations

import difflib
import hashlib
import json
import types
import typing
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

Config = TypeVar("Config")

# The YAML files of the project, in a checkout as in an installation.
SHIPPED = Path(__file__).resolve().parents[2] / "pixel3dmm_distill" / "configs"

REQUIRED: Any = "???"  # the default of an option that has none; OmegaConf's own mark

_TYPE_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


class ConfigError(Exception):
    """The options cannot be used; the message says which one, what was expected, and what to type."""


class UsageError(Exception):
    """The user should read the usage: nothing was given, ``help`` was, or a required option is missing."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code  # 0 if the user asked for it


def load_config(config_class: type[Config], argv: Sequence[str], *, about: str = "", example: str = "") -> Config:
    """Read a command line: an optional YAML file, then ``key=value`` with dots for nested options.

    The file may be one of ours, from any working folder: ``configs/teacher/fit.yaml``, or by name: ``teacher/fit``.

    Args:
        config_class: a frozen dataclass whose fields have a default and ``metadata["help"]``.
        argv: the arguments without the program's name.
        about: what the command does, for the usage.
        example: a command line to copy, for the usage.

    Raises:
        ConfigError: unknown option, wrong type, unreadable YAML.
        UsageError: no arguments, ``help``, or a required option is missing.
    """
    if not argv or any(argument in ("help", "-h", "--help") for argument in argv):
        raise UsageError(usage(config_class, about, example), 0)
    given: dict[str, Any] = {}
    arguments = list(argv)
    if path := _yaml_path(arguments[0]):
        arguments.pop(0)
        given = _read_yaml(path)
        _check_known(config_class, given)
    for argument in arguments:
        key, value = _parse_assignment(config_class, argument)
        _assign(given, key, value)
    missing = [
        key
        for key, _, default, _ in options(config_class)
        if default == REQUIRED and _given(given, key) in (REQUIRED, None, "")
    ]
    if missing:
        needs = ", ".join(f"{key}=" for key in missing)
        raise UsageError(f"{usage(config_class, about, example)}\n\nmissing: {needs}", 2)
    return _build(config_class, given)


def options(config_class: type, prefix: str = "") -> Iterator[tuple[str, Any, Any, str]]:
    """Every option as (dotted key, type, default, one-line help)."""
    hints = typing.get_type_hints(config_class)
    instance = config_class()
    for field in fields(config_class):
        hint, default = hints[field.name], getattr(instance, field.name)
        if is_dataclass(hint):
            yield from options(typing.cast(type, hint), f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", hint, default, field.metadata.get("help", "")


def usage(config_class: type, about: str = "", example: str = "") -> str:
    """What the command does, an example to copy, and every option with its default and meaning."""
    parts = [about.strip()] if about else []
    if example:
        parts.append("Example:\n" + "\n".join(f"  {line}" for line in example.strip().splitlines()))
    rows = []
    for key, hint, default, text in options(config_class):
        shown = "(required)" if default == REQUIRED else _show(default)
        choices = f" [{'|'.join(map(str, get_args(hint)))}]" if get_origin(hint) is Literal else ""
        rows.append((f"{key}={shown}", text + choices))
    rows.sort(key=lambda row: "(required)" not in row[0])
    width = min(44, max(len(left) for left, _ in rows))
    table = "\n".join(f"  {left:<{width}}  {right}".rstrip() for left, right in rows)
    parts.append("Options, written key=value, after an optional YAML file that holds the same keys:\n" + table)
    return "\n\n".join(parts)


def to_yaml(config: Any) -> str:
    """The resolved configuration as YAML; `load_config` reads it back."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))


def config_hash(config: Any, leave_out: Sequence[str] = ()) -> str:
    """First 16 hex digits of the SHA-256 of the options; top-level names in ``leave_out`` do not count."""
    values = {key: value for key, value in asdict(config).items() if key not in leave_out}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _show(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return "[" + ",".join(_show(item) for item in value) + "]"
    return str(value)


def shipped_configs() -> dict[str, Path]:
    """The project's YAML files by name, such as ``teacher/fit``."""
    return {path.relative_to(SHIPPED).with_suffix("").as_posix(): path for path in sorted(SHIPPED.glob("*/*.yaml"))}


def _shipped_words() -> str:
    return "Shipped YAML files: " + ", ".join(shipped_configs())


def _yaml_path(argument: str) -> Path | None:
    """The YAML file that an argument means, its own before a shipped one; None if it means none."""
    path = Path(argument)
    is_yaml = path.suffix in (".yaml", ".yml")
    if is_yaml and path.is_file():
        return path
    if "=" in argument:
        return None
    name = path.with_suffix("").as_posix().removeprefix("configs/") if is_yaml else argument
    found = shipped_configs().get(name)
    if is_yaml and not found:
        raise ConfigError(f"cannot read the configuration {path}: no such file\n{_shipped_words()}")
    return found


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold 'key: value' lines, not a {type(values).__name__}")
    return values


def _check_known(config_class: type, values: dict[str, Any], prefix: str = "") -> None:
    hints = typing.get_type_hints(config_class)
    for key, value in values.items():
        if key not in hints:
            raise _unknown(config_class, f"{prefix}{key}")
        if is_dataclass(hints[key]):
            if not isinstance(value, dict):
                raise ConfigError(f"{prefix}{key} is a group of options, not a value: {prefix}{key}.<option>")
            _check_known(typing.cast(type, hints[key]), value, f"{prefix}{key}.")


def _unknown(config_class: type, key: str) -> ConfigError:
    """``config_class`` is the innermost group that was reached; ``key`` is written out in full."""
    prefix, _, name = key.rpartition(".")
    dot = f"{prefix}." if prefix else ""
    renamed = {field.metadata.get("formerly"): field.name for field in fields(config_class)}
    if name in renamed:
        return ConfigError(f"unknown option {key!r}: it is called {dot}{renamed[name]} now")
    known = [field.name for field in fields(config_class)]
    nested = [option for option, *_ in options(config_class)]
    close = difflib.get_close_matches(name, known, 1, 0.5)
    close = close or [option for option in nested if option.rpartition(".")[2] == name][:1]
    close = close or difflib.get_close_matches(name, nested, 1, 0.5)
    hint = f"; did you mean {dot}{close[0]}?" if close else ""
    listing = ", ".join(dot + option for option in nested)
    return ConfigError(f"unknown option {key!r}{hint}\nThere is: {listing}")


def _parse_assignment(config_class: type, argument: str) -> tuple[str, Any]:
    key, equals, text = argument.partition("=")
    if not equals or not key:
        rule = "options are written key=value, and a YAML file comes first"
        raise ConfigError(f"cannot read {argument!r}: {rule}\n{_shipped_words()}")
    if key.startswith("-"):
        raise ConfigError(f"write {key.lstrip('-')}={text} without dashes")
    hint: Any = config_class
    parts = key.split(".")
    for depth, part in enumerate(parts):
        hints = typing.get_type_hints(hint) if is_dataclass(hint) else {}
        if not hints:
            raise ConfigError(f"{'.'.join(parts[:depth])} is a value and has no option {part!r}")
        if part not in hints:
            raise _unknown(typing.cast(type, hint), ".".join(parts[: depth + 1]))
        hint = hints[part]
    if is_dataclass(hint):
        names = ", ".join(f"{key}.{option}" for option, *_ in options(typing.cast(type, hint)))
        raise ConfigError(f"{key} is a group of options; set one of: {names}")
    return key, _parse_value(key, hint, text)


def _parse_value(key: str, hint: Any, text: str) -> Any:
    plain = set(_alternatives(hint))
    if text == "null" and type(None) in plain:
        return None
    if str in plain:  # never through YAML: a path named 012 or yes stays what it is
        return str(Path(text).expanduser()) if text.startswith("~") else text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{key}={text}: expected {_words(hint)}") from error


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _words(hint: Any) -> str:
    words = []
    for one in _alternatives(hint):
        if one is type(None):
            words.append("null")
        elif get_origin(one) is Literal:
            words.append("one of " + ", ".join(map(str, get_args(one))))
        elif get_origin(one) in (tuple, list):
            words.append("a list like [" + ",".join("1" for arg in get_args(one) if arg is not Ellipsis) + "]")
        else:
            words.append(_TYPE_WORDS.get(one, getattr(one, "__name__", str(one))))
    return " or ".join(words)


def _given(values: dict[str, Any], key: str) -> Any:
    """The value of a dotted key, or `REQUIRED` where none was given."""
    *groups, name = key.split(".")
    for group in groups:
        values = values.get(group, {})
    return values.get(name, REQUIRED)


def _assign(values: dict[str, Any], key: str, value: Any) -> None:
    *groups, name = key.split(".")
    for group in groups:
        values = values.setdefault(group, {})
    values[name] = value


def _build(config_class: type[Config], given: dict[str, Any]) -> Config:
    merged = OmegaConf.structured(config_class)
    for key, hint, _, _ in options(config_class):
        value = _given(given, key)
        if value == REQUIRED:
            continue
        if value is None and type(None) not in _alternatives(hint):
            raise ConfigError(f"{key}: expected {_words(hint)}, got nothing")
        # A file name may hold "${", and is never an interpolation.
        literal = value.replace("${", "\\${") if isinstance(value, str) else value
        try:
            nested: dict[str, Any] = {}
            _assign(nested, key, literal)
            merged = OmegaConf.merge(merged, nested)
        except OmegaConfBaseException as error:
            raise ConfigError(f"{key}={_show(value)}: expected {_words(hint)}") from error
    try:
        return typing.cast(Config, OmegaConf.to_object(merged))
    except ValueError as error:  # a dataclass's own check
        raise ConfigError(str(error)) from error
