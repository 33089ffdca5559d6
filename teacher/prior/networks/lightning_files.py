"""Read checkpoints of PyTorch, and of PyTorch Lightning, without running anything inside them.

torch's own restricted unpickler rebuilds the tensors. The options beside them were pickled with the classes of
OmegaConf and others: each of those names is answered with an inert stand-in that only keeps what it is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from shared.runs.errors import UserError

# Whose names may occur; a file that asks for any other is refused, though it could not run that either.
_PACKAGES = {
    "omegaconf", "lightning", "lightning_fabric", "pytorch_lightning", "lightning_utilities", "pixel3dmm", "torch",
    "numpy", "_codecs", "collections", "pathlib", "typing", "enum", "yacs",
}  # fmt: skip
_TYPES = {
    f"builtins.{name}" for name in ("bool", "bytes", "dict", "float", "int", "list", "object", "set", "str", "tuple")
}


class _Kept:
    """Stands for any instance: keeps its state, ignores its constructor's arguments."""

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _KeptDict:
    """Stands for subclasses of dict: makes plain ones."""

    def __new__(cls, *_: Any) -> Any:
        return {}


def read_lightning(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors by name, and the hyper-parameters as dicts, lists and plain values (None for what is neither).

    A file with nothing but tensors by name has no hyper-parameters. UserError as `read_checkpoint`, or if there are no
    tensors by name.
    """
    content = read_checkpoint(path)
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path} holds no state_dict of tensors")
    return dict(state), plain(content.get("hyper_parameters", {})) or {}


def read_checkpoint(path: Path) -> Any:
    """What `torch.save` wrote: tensors and plain containers; inert stand-ins for what options were pickled with.

    UserError, with the file's name, if it is not of `torch.save`, is damaged, or asks for what tensors and options do
    not need.
    """
    if not path.is_file():
        raise UserError(f"{path} does not exist")
    try:
        names = get_unsafe_globals_in_checkpoint(path)
        refused = sorted(name for name in names if name.split(".")[0] not in _PACKAGES and name not in _TYPES)
        if refused:
            raise UserError(f"{path} is refused: it asks to run {', '.join(refused)}")
        with safe_globals([(_stand_in(name), name) for name in names]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except UserError:
        raise
    except Exception as error:  # a damaged file fails in as many ways as there are bytes
        raise UserError(f"{path} is no checkpoint that torch.save wrote, or it is damaged: {error}") from error


def plain(value: Any) -> Any:
    """Options as they were before OmegaConf wrapped them."""
    if isinstance(value, _Kept):
        inside = value.state if isinstance(value.state, dict) else {}
        return plain(inside.get("_content", inside.get("_val")))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (bool, int, float, str)) else None


def _stand_in(name: str) -> type:
    return _KeptDict if name.endswith((".AttributeDict", ".defaultdict")) else _Kept
