"""Inert stand-ins for everything a FLAME pickle names: they keep what they are given, and numbers are built afterwards.

`pickles.py` hands these classes to the unpickler. Nothing here runs while a file is being read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

MAX_ELEMENTS = 2**28  # elements of one array, as written or after a sparse matrix is filled in
_DTYPE = re.compile(r"[biufSU]\d+|O\d*")

Resolve = Callable[[Any], Any]  # what was read -> plain dicts, lists and arrays


class UnsafePickleError(ValueError):
    """The file asks for something that plain numbers do not need; nothing was run."""


class _Frozen(type):
    """Makes the classes below immutable: BUILD could otherwise set attributes on a class and outlive the file."""

    def __setattr__(cls, name: str, value: Any) -> None:
        raise UnsafePickleError(f"refused: the file asks to set {cls.__name__}.{name}")


class Inert(metaclass=_Frozen):
    """Keeps constructor arguments and state; stands for every class or function a file may name."""

    __slots__ = ("args", "state")
    args: tuple[Any, ...]
    state: Any

    def __new__(cls, *args: Any) -> Any:
        made = super().__new__(cls)
        object.__setattr__(made, "args", args)
        object.__setattr__(made, "state", None)
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        raise UnsafePickleError(f"refused: the file asks to set an attribute {name!r}")

    def __setstate__(self, state: Any) -> None:
        object.__setattr__(self, "state", state)

    def build(self, resolve: Resolve) -> Any:
        """The plain value this stands for."""
        raise UnsafePickleError(f"refused: the file uses {type(self).__name__.strip('_')} as a value")


class _Object(Inert):
    """`object` and `numpy.ndarray`: only ever named as arguments of others."""

    __slots__ = ()


class _Dtype(Inert):
    """numpy.dtype(code, align, copy), state (version, byte order, ...)."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> np.dtype:
        code = str(self.args[0]) if self.args else ""
        if not _DTYPE.fullmatch(code):
            raise UnsafePickleError(f"refused: array type {code!r}; only numbers and lists of them are read")
        order = self.state[1] if isinstance(self.state, tuple) and len(self.state) > 1 else "="
        return np.dtype("O") if code[0] == "O" else np.dtype(code).newbyteorder(order if order in "<>" else "=")


class _Array(Inert):
    """numpy's `_reconstruct`, state (version, shape, dtype, Fortran order, data)."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> Any:
        if not isinstance(self.state, tuple) or len(self.state) != 5:
            raise UnsafePickleError("refused: an array without contents")
        _, shape, dtype, fortran, data = self.state
        return _make_array(data, resolve(dtype), shape, "F" if fortran else "C", resolve)


class _ArrayFromBuffer(Inert):
    """numpy's `_frombuffer`(data, dtype, shape, order) of pickle protocol 5."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> Any:
        data, dtype, shape, order = self.args
        return _make_array(data, resolve(dtype), shape, str(order), resolve)


class _Scalar(Inert):
    """numpy's `scalar`(dtype, data)."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> Any:
        dtype, data = self.args
        return _make_array(data, resolve(dtype), (), "C", resolve)[()]


class _Encode(Inert):
    """`_codecs.encode`(text, "latin1"): how bytes are written by old protocols."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> bytes:
        return str(self.args[0]).encode("latin1")


class _Bytes(Inert):
    """`bytes`(): how empty bytes are written by old protocols."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> bytes:
        return b""


class _Set(Inert):
    """`set`(list); chumpy keeps bookkeeping in sets."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> Any:
        return resolve(self.args[0]) if self.args else []


class _Reconstructor(Inert):
    """copyreg's `_reconstructor`(class, object, None): an instance of an allowed class, state to follow."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> Any:
        cls = self.args[0] if self.args else None
        if not (isinstance(cls, type) and issubclass(cls, Inert)):
            raise UnsafePickleError("refused: the file asks to reconstruct an unknown class")
        made = cls()
        made.__setstate__(self.state)
        return resolve(made)


class _WithTerms(Inert):
    """A class whose state is a dict."""

    __slots__ = ()

    def term(self, name: str, resolve: Resolve, *default: Any) -> Any:
        """A value of the state, resolved; the default, if one is given, where the file leaves it out."""
        state = self.state if isinstance(self.state, dict) else {}
        if name not in state and not default:
            raise UnsafePickleError(f"refused: a {type(self).__name__.strip('_')} without {name!r}")
        return resolve(state[name]) if name in state else default[0]


class _Chumpy(_WithTerms):
    """chumpy.ch.Ch: an array with a tape; the array is `x`."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> Any:
        return np.asarray(self.term("x", resolve))


class _Select(_WithTerms):
    """chumpy.reordering.Select: chosen elements of another array."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> Any:
        chosen = np.asarray(self.term("a", resolve)).ravel()[np.asarray(self.term("idxs", resolve))]
        shape = self.term("preferred_shape", resolve, None)
        return chosen if shape is None else chosen.reshape(shape)


class _Reshape(_WithTerms):
    """chumpy.reordering.Reshape."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> Any:
        return np.asarray(self.term("a", resolve)).reshape(self.term("newshape", resolve))


class _Transpose(_WithTerms):
    """chumpy.reordering.transpose."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> Any:
        return np.transpose(np.asarray(self.term("a", resolve)), self.term("axes", resolve, None))


class _SparseColumns(_WithTerms):
    """scipy's compressed matrices, filled in to a dense array."""

    __slots__ = ()
    by_column = True

    def build(self, resolve: Resolve) -> Any:
        from scipy.sparse import csc_matrix, csr_matrix

        shape = _checked_shape(self.term("_shape", resolve, self.term("shape", resolve, ())))
        parts = tuple(np.asarray(self.term(name, resolve)) for name in ("data", "indices", "indptr"))
        matrix: Any = (csc_matrix if self.by_column else csr_matrix)(parts, shape=shape)
        matrix.check_format(full_check=True)  # indices inside the matrix, before compiled code follows them
        return matrix.toarray()


class _SparseRows(_SparseColumns):
    __slots__ = ()
    by_column = False


class _SparseCoordinates(_WithTerms):
    """scipy's coordinate matrices, filled in to a dense array."""

    __slots__ = ()

    def build(self, resolve: Resolve) -> Any:
        from scipy.sparse import coo_matrix

        shape = _checked_shape(self.term("_shape", resolve, ()))
        row, col = self.term("coords", resolve, None) or (self.term("row", resolve), self.term("col", resolve))
        return coo_matrix((np.asarray(self.term("data", resolve)), (row, col)), shape=shape).toarray()


def _checked_shape(shape: Any) -> tuple[int, ...]:
    if not isinstance(shape, (list, tuple)) or any(int(side) < 0 for side in shape):
        raise UnsafePickleError(f"refused: an array of shape {shape!r}")
    elements = 1
    for side in shape:
        elements *= int(side)
    if elements > MAX_ELEMENTS:
        raise UnsafePickleError(f"refused: an array of shape {tuple(shape)}, more than {MAX_ELEMENTS} elements")
    return tuple(int(side) for side in shape)


def _make_array(data: Any, dtype: np.dtype, shape: Any, order: str, resolve: Resolve) -> np.ndarray:
    shape = _checked_shape(resolve(shape))
    if dtype.kind == "O":
        items = np.empty(len(data), dtype=object)
        for index, item in enumerate(data):
            items[index] = resolve(item)  # one by one: an assignment of all would spread nested arrays out
        return items.reshape(shape, order="F" if order == "F" else "C")
    data = resolve(data)
    raw = data.encode("latin1") if isinstance(data, str) else bytes(data)
    flat = np.frombuffer(raw, dtype)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def allowed_names() -> dict[str, type[Inert]]:
    """Full name in a pickle -> stand-in; this table is all a file may ask for."""
    names: dict[str, type[Inert]] = {
        "numpy.ndarray": _Object,
        "numpy.dtype": _Dtype,
        "_codecs.encode": _Encode,
        "chumpy.ch.Ch": _Chumpy,
        "chumpy.reordering.Select": _Select,
        "chumpy.reordering.Reshape": _Reshape,
        "chumpy.reordering.transpose": _Transpose,
    }
    for core in ("numpy.core", "numpy._core"):
        names[f"{core}.multiarray._reconstruct"] = _Array
        names[f"{core}.multiarray.scalar"] = _Scalar
        names[f"{core}.numeric._frombuffer"] = _ArrayFromBuffer
    for builtins in ("__builtin__", "builtins"):
        names |= {f"{builtins}.object": _Object, f"{builtins}.set": _Set, f"{builtins}.bytes": _Bytes}
    for copyreg in ("copy_reg", "copyreg"):
        names[f"{copyreg}._reconstructor"] = _Reconstructor
    for kind, cls in (("csc", _SparseColumns), ("csr", _SparseRows), ("coo", _SparseCoordinates)):
        for module in (f"scipy.sparse.{kind}", f"scipy.sparse._{kind}"):
            names |= {f"{module}.{kind}_matrix": cls, f"{module}.{kind}_array": cls}
    return names
