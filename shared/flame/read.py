"""Read the arrays of a model or side file: pickles, .npy, .npz and safetensors; nothing in a file is ever run."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.lib import format as npy_format
from safetensors import SafetensorError

from shared.flame.cache import Arrays, cached
from shared.flame.errors import FlameFileError
from shared.flame.pickles import UnsafePickleError, load_pickle

MODEL_KEYS = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
MODEL_SUFFIXES = (".pkl", ".npz", ".safetensors")


def read_model(path: Path) -> Arrays:
    """The arrays among MODEL_KEYS that a model file holds; FlameFileError if it cannot be read or is no model."""
    suffix = path.suffix.lower()
    if suffix not in MODEL_SUFFIXES:
        raise FlameFileError(path, f"a model file ends in {', '.join(MODEL_SUFFIXES)}", "or give the folder it is in")
    data = read_bytes(path)
    if suffix == ".safetensors":
        try:
            return {key: array for key, array in safetensors.numpy.load(data).items() if key in MODEL_KEYS}
        except SafetensorError as error:
            raise FlameFileError(path, f"damaged safetensors: {error}", "copy or download it again") from error
    return cached(data, lambda source: _convert(path, source))


def _convert(path: Path, data: bytes) -> Arrays:
    hint = "is it a FLAME model?"
    contents = read_pickle(path, data) if path.suffix.lower() == ".pkl" else read_npz(path, data, MODEL_KEYS)
    if not isinstance(contents, dict):
        raise FlameFileError(path, f"expected a dict of arrays, got a {type(contents).__name__}", hint)
    arrays = {}
    for key in MODEL_KEYS:
        if key in contents:
            array = np.asarray(contents[key])
            if array.dtype.kind not in "biuf":
                raise FlameFileError(path, f"{key}: expected numbers, got {array.dtype}", hint)
            arrays[key] = array.astype(array.dtype.newbyteorder("="), copy=False)
    return arrays


def read_bytes(path: Path) -> bytes:
    """The whole file; FlameFileError if there is none."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FlameFileError(path, f"cannot be read ({error.strerror})") from error


def read_pickle(path: Path, data: bytes | None = None) -> Any:
    """Plain contents of a pickle; FlameFileError that says what a hostile one asked for."""
    try:
        return load_pickle(read_bytes(path) if data is None else data)
    except UnsafePickleError as error:
        hint = "FLAME's own files hold numbers only: get this one from its authors' site"
        raise FlameFileError(path, str(error), hint) from error


def read_npz(path: Path, data: bytes | None = None, names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Members of an .npz, all or the named ones that are there."""
    try:
        with zipfile.ZipFile(path if data is None else io.BytesIO(data)) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
            wanted = members if names is None else [name for name in names if name in members]
            return {name: read_npy(path, archive.read(members[name])) for name in wanted}
    except (zipfile.BadZipFile, OSError) as error:
        raise FlameFileError(path, f"damaged .npz: {error}", "copy or download it again") from error


def read_npy(path: Path, data: bytes | None = None) -> Any:
    """An .npy; one that holds Python objects goes through the restricted reader, and a lone object is unwrapped."""
    stream = io.BytesIO(read_bytes(path) if data is None else data)
    try:
        version = npy_format.read_magic(stream)
        read_header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        _, _, dtype = read_header(stream)
        if not dtype.hasobject:
            stream.seek(0)
            return np.load(stream, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise FlameFileError(path, f"damaged .npy: {error}", "copy or download it again") from error
    contents = read_pickle(path, stream.read())
    return contents.item() if isinstance(contents, np.ndarray) and contents.shape == () else contents
