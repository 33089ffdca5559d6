"""The restricted reader: FLAME's own constructs are read, everything else is refused and nothing runs."""

from __future__ import annotations

import codecs
import contextlib
import copyreg
import io
import pickle
import struct
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from shared.flame.pickle_stand_ins import UnsafePickleError, allowed_names
from shared.flame.pickles import load_pickle

TRACE = "trace-of-a-pickle"


class Call:
    """Pickles as a call of ``function(*args)``."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


def by_name(module: str, name: str, *arguments: bytes) -> bytes:
    """A protocol-0 pickle that calls any ``module.name`` with literal arguments."""
    return f"c{module}\n{name}\n(".encode() + b"".join(arguments) + b"tR."


def text(value: str) -> bytes:
    return f"V{value}\n".encode()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<i4", "<u4", "|u1", "|b1", "<i8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_protocol(protocol: int, dtype: str, order: Any) -> None:
    array = np.asarray(np.arange(24).reshape(2, 3, 4).astype(dtype), order=order)
    read = load_pickle(pickle.dumps({"a": array, "b": [array, 1.5, "text", None]}, protocol))
    np.testing.assert_array_equal(read["a"], array)
    np.testing.assert_array_equal(read["b"][0], array)
    assert read["b"][1:] == [1.5, "text", None]


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("kind", ["csc_matrix", "csr_matrix", "coo_matrix", "csc_array"])
def test_sparse_matrices_become_dense(protocol: int, kind: str) -> None:
    dense = np.where(np.random.default_rng(0).random((5, 40)) < 0.2, 1.25, 0)
    read = load_pickle(pickle.dumps(getattr(scipy.sparse, kind)(dense), protocol))
    np.testing.assert_array_equal(read, dense)


def test_old_module_paths_and_python_2_bytes() -> None:
    """As in the released files: scipy.sparse.csc, numpy.core, and array bytes as Python-2 strings."""
    dense = np.array([[0.0, 2.0], [3.0, 0.0]])
    new = pickle.dumps(scipy.sparse.csc_matrix(dense), 2)
    old = new.replace(b"scipy.sparse._csc\n", b"scipy.sparse.csc\n").replace(b"numpy._core.", b"numpy.core.")
    assert b"scipy.sparse.csc\n" in old
    np.testing.assert_array_equal(load_pickle(old), dense)
    raw = np.array([1.5, -2.25]).tobytes()
    python2 = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02\x85"
        b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"U" + struct.pack("B", len(raw)) + raw + b"tb."
    )
    np.testing.assert_array_equal(load_pickle(python2), [1.5, -2.25])


@pytest.fixture
def chumpy(monkeypatch: pytest.MonkeyPatch) -> dict[str, type]:
    """Classes that pickle like chumpy's; the reader must not need the package."""
    classes = {}
    for full_name in ("ch.Ch", "reordering.Select", "reordering.Reshape", "reordering.transpose"):
        module, name = full_name.split(".")
        full = f"chumpy.{module}"
        holder = sys.modules.get(full) or types.ModuleType(full)
        monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
        monkeypatch.setitem(sys.modules, full, holder)
        classes[name] = type(name, (), {"__module__": full})
        setattr(holder, name, classes[name])
    return classes


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_chumpy_arrays(chumpy: dict[str, type], protocol: int) -> None:
    def make(kind: str, **state: Any) -> Any:
        made = chumpy[kind]()
        made.__dict__.update(state, _dirty_vars={"x"}, _itr=None, _depends_on_deps={})
        return made

    array = np.arange(6.0).reshape(2, 3)
    plain = make("Ch", x=array)
    np.testing.assert_array_equal(load_pickle(pickle.dumps(plain, protocol)), array)
    chosen = make("Select", a=plain, idxs=np.array([5, 0, 1, 2]), preferred_shape=(2, 2))
    np.testing.assert_array_equal(load_pickle(pickle.dumps(chosen, protocol)), [[5, 0], [1, 2]])
    turned = make("transpose", a=make("Reshape", a=plain, newshape=(3, 2)), axes=(1, 0))
    np.testing.assert_array_equal(load_pickle(pickle.dumps(turned, protocol)), array.reshape(3, 2).T)


def test_object_arrays_and_shared_parts() -> None:
    """DECA's landmark file: a dict inside a 0-d object array."""
    shared = np.arange(3)
    array = np.array({"a": shared, "b": shared}, dtype=object)
    read = load_pickle(pickle.dumps(array, 2))
    assert read.shape == ()
    assert read.item()["a"] is read.item()["b"]
    nested = np.empty(2, dtype=object)
    nested[:] = [np.zeros((2, 2)), [1, 2]]
    assert load_pickle(pickle.dumps(nested, 4))[0].shape == (2, 2)


def _hostile() -> dict[str, bytes]:
    touch = text(f"touch {TRACE}")
    object_array = np.empty(1, dtype=object)
    object_array[0] = Call(open, TRACE, "w")
    stubbed = b"c__builtin__\nset\n"
    array_with_command = pickle.dumps(object_array, 2)
    return {
        "posix.system": by_name("posix", "system", touch),
        "os.system": by_name("os", "system", touch),
        "builtins.eval": by_name("builtins", "eval", text(f"open('{TRACE}', 'w')")),
        "__builtin__.eval": by_name("__builtin__", "eval", text(f"open('{TRACE}', 'w')")),
        "__builtin__.getattr": by_name("__builtin__", "getattr", b"cnumpy\nndarray\n", text("tofile")),
        "builtins.exec": b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93\x8c\x04pass\x85R.",
        "numpy.load": by_name("numpy", "load", text("x.npy")),
        "numpy.fromfile": by_name("numpy", "fromfile", text("x.npy")),
        "operator.attrgetter": by_name("operator", "attrgetter", text("system")),
        "functools.partial": by_name("functools", "partial", b"c__builtin__\nset\n"),
        "torch.load": by_name("torch", "load", text("x.pt")),
        "torch._utils._rebuild_tensor_v2": by_name("torch._utils", "_rebuild_tensor_v2"),
        "numpy.core.multiarray.fromstring": by_name("numpy.core.multiarray", "fromstring", text("1 2")),
        "numpy.testing._private.utils.runstring": by_name("numpy.testing._private.utils", "runstring", touch),
        "pickle.loads": by_name("pickle", "loads", touch),
        "subprocess.Popen": f"(csubprocess\nPopen\nV{TRACE}\no.".encode(),  # OBJ
        "io.open": array_with_command,
        "shared.flame.pickles.load_pickle": by_name("shared.flame.pickles", "load_pickle"),
        "numpy.ndarray.tofile": b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93)R.",
        "chumpy.ch.ChLambda": by_name("chumpy.ch", "ChLambda"),
        # INST opcode; and a refused name deep inside allowed calls.
        "os.mkdir": f"(V{TRACE}\nios\nmkdir\n.".encode(),
        "os.remove": stubbed + b"((lp0\n" + b"cos\nremove\n" + text("x") + b"\x85Ra" + b"tR.",
    }


@pytest.mark.parametrize("name", _hostile())
def test_other_names_are_refused_by_their_full_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnsafePickleError, match=f"refused: the file asks to run _?{name}"):
        load_pickle(_hostile()[name])
    assert list(tmp_path.iterdir()) == []


def test_the_corpus_bites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own reader does leave a trace, so an empty folder above means something."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(_hostile()["os.system"])
    assert (tmp_path / TRACE).exists()


def test_extension_codes_are_refused_even_when_python_has_cached_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code that any part of the process has used before bypasses find_class."""
    monkeypatch.chdir(tmp_path)
    copyreg.add_extension("os", "mkdir", 0x7FFF1)
    try:
        hostile = b"\x80\x02\x84" + struct.pack("<i", 0x7FFF1) + b"X" + struct.pack("<i", 1) + b"x\x85R."
        pickle.loads(hostile)
        (tmp_path / "x").rmdir()
        with pytest.raises(UnsafePickleError, match="EXT4"):
            load_pickle(hostile)
    finally:
        copyreg.remove_extension("os", "mkdir", 0x7FFF1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(allowed_names()))
@pytest.mark.parametrize(
    "state",
    [b"}V__setstate__\ncnumpy\ndtype\ns", b"(N}Vbuild\ncnumpy\ndtype\nst", b"(N}V__class__\ncnumpy\ndtype\nst"],
    ids=["dict", "slots", "class"],
)
@pytest.mark.parametrize("call", [b"", b")R"], ids=["name itself", "instance"])
def test_build_cannot_alter_the_stand_ins(name: str, state: bytes, call: bytes) -> None:
    """BUILD sets attributes; on a class they would outlive the file."""
    cls = allowed_names()[name]
    before = dict(vars(cls))
    module, _, attribute = name.rpartition(".")
    with contextlib.suppress(UnsafePickleError):  # an instance that needs no state may ignore it
        load_pickle(b"(lp0\n" + f"c{module}\n{attribute}\n".encode() + call + state + b"ba.")
    assert dict(vars(cls)) == before


def test_no_real_callable_is_reachable() -> None:
    assert all(cls.__module__ == "shared.flame.pickle_stand_ins" for cls in allowed_names().values())


class _Outside(pickle.Pickler):
    def persistent_id(self, obj: Any) -> Any:
        return "somewhere" if obj == "here" else None


def _damaged() -> dict[str, bytes]:
    stream = io.BytesIO()
    _Outside(stream, 2).dump(["here"])
    loop: list[Any] = []
    loop.append(loop)
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    sparse = scipy.sparse.csc_matrix(np.eye(3))
    sparse.indices = np.array([0, 1, 9], dtype=np.int32)
    huge = scipy.sparse.csc_matrix((1, 1))
    huge._shape = (10**6, 10**6)
    whole = pickle.dumps({"a": np.arange(100)}, 2)
    short = pickle.dumps(np.arange(4.0), 2).replace(codecs.encode("K\x04\x85", "latin1"), b"K\x05\x85", 1)
    return {
        "persistent id": stream.getvalue(),
        "loop": pickle.dumps(loop, 2),
        "deep": pickle.dumps(deep, 2),
        "sparse index outside": pickle.dumps(sparse, 2),
        "sparse bomb": pickle.dumps(huge, 2),
        "memo bomb": b"\x80\x02}r\xff\xff\xff\x7f.",
        "array longer than its data": short,
        "cut off": whole[: len(whole) // 2],
        "empty": b"",
        "not a pickle": b"v 0 0 0\nf 1 2 3\n",
        "structured dtype": pickle.dumps(np.zeros(2, dtype=[("a", "f4")]), 2),
        "a class as a value": b"cnumpy\nndarray\n.",
    }


@pytest.mark.parametrize("name", _damaged())
def test_damaged_files_end_in_one_kind_of_error(name: str) -> None:
    with pytest.raises(UnsafePickleError, match=r"refused|damaged"):
        load_pickle(_damaged()[name])
