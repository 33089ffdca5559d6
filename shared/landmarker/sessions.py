"""ONNX Runtime sessions of the networks in `shared/assets`."""

from __future__ import annotations

from typing import Any, Literal

import onnxruntime as ort

from shared.assets import asset_path

Where = Literal["auto", "cpu"]

# In order of preference. Heuristic search and full float32 on CUDA: the same picture gives the same landmarks.
_ACCELERATORS: dict[str, dict[str, Any]] = {
    "CUDAExecutionProvider": {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"},
    "CoreMLExecutionProvider": {},
    "DmlExecutionProvider": {},
}
_ERRORS_ONLY = 3


def open_session(name: str, threads: int = 1, where: Where = "auto") -> ort.InferenceSession:
    """Load one of our networks.

    Args:
        name: of the file in `shared/assets`, without its ending.
        threads: on the CPU.
        where: "auto" takes a GPU if the installed ONNX Runtime can use one, and the CPU otherwise.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(str(asset_path(f"{name}.onnx")), options, providers=_providers(where))


def _providers(where: Where) -> list[Any]:
    available = set(ort.get_available_providers())
    chosen = [one for one in _ACCELERATORS.items() if one[0] in available] if where == "auto" else []
    return [*chosen[:1], "CPUExecutionProvider"]
