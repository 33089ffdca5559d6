"""Read the pickles that FLAME comes in without running anything inside them.

A pickle is a program. This reader gives that program nothing to call: every name it may ask for is answered with an
inert class of `pickle_stand_ins.py` that only keeps what it is given; numbers are built from those afterwards. NumPy,
SciPy and chumpy are never called by the file. A name outside the table ends the reading, before anything is built.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from typing import Any

from shared.flame.pickle_stand_ins import Inert, UnsafePickleError, allowed_names

MAX_DEPTH = 32  # nesting of containers; FLAME's files stay below 5
# Opcodes that reach outside the file: the process-wide extension registry, and objects kept by the caller.
_OUTSIDE = {"EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER"}


class _RestrictedUnpickler(pickle.Unpickler):
    names = allowed_names()

    def find_class(self, module_name: str, global_name: str) -> Any:
        full_name = f"{module_name}.{global_name}"
        if full_name not in self.names:
            raise UnsafePickleError(f"refused: the file asks to run {full_name}")
        return self.names[full_name]

    def persistent_load(self, pid: Any) -> Any:
        raise UnsafePickleError(f"refused: the file asks for an outside object {pid!r}")


class _Resolver:
    """Turns what was read into plain dicts, lists and arrays."""

    def __init__(self) -> None:
        # Keyed by identity, so that shared parts are built once; the original is kept to keep its identity its own.
        self.done: dict[int, tuple[Any, Any]] = {}
        self.depth = 0

    def __call__(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float, str, bytes, bytearray)):
            return value
        if id(value) in self.done:
            return self.done[id(value)][1]
        if self.depth >= MAX_DEPTH:
            raise UnsafePickleError(f"refused: contents nested more than {MAX_DEPTH} deep")
        self.depth += 1
        result = self._resolve(value)
        self.depth -= 1
        self.done[id(value)] = (value, result)
        return result

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, Inert):
            return value.build(self)
        if isinstance(value, dict):
            return {self(key): self(item) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return (tuple if isinstance(value, tuple) else list)(self(item) for item in value)
        raise UnsafePickleError(f"refused: the file uses {getattr(value, '__name__', type(value).__name__)} as a value")


def _scan(data: bytes) -> None:
    """Refuse what the unpickler itself would not: outside references, and memo slots beyond the file's own size."""
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in _OUTSIDE:
            raise UnsafePickleError(f"refused: the file refers to objects outside it ({opcode.name} {argument!r})")
        if opcode.name in ("PUT", "LONG_BINPUT") and int(argument or 0) > len(data):
            raise UnsafePickleError(f"refused: memo slot {argument} in a file of {len(data)} bytes")


def load_pickle(data: bytes) -> Any:
    """The numbers of a pickle as dicts, lists and NumPy arrays; sparse matrices become dense.

    Text of Python 2 is read as Latin-1. Raises UnsafePickleError, with the full name of what the file asked for, on
    anything but numbers, and on a damaged file.
    """
    try:
        _scan(data)
        return _Resolver()(_RestrictedUnpickler(io.BytesIO(data), encoding="latin1").load())
    except UnsafePickleError:
        raise
    except RecursionError as error:
        raise UnsafePickleError("refused: contents refer to themselves") from error
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        raise UnsafePickleError(f"damaged pickle: {error or type(error).__name__}") from error
