"""Face pictures to FLAME heads: the accurate `Teacher`, the real-time `Student`, and what they speak in.

Each name is imported when it is first asked for, so that importing the package takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shared.flame.assets import load_flame
    from shared.flame.model import FlameModel
    from shared.flame.params import FlameParams
    from shared.geometry.camera import Camera
    from shared.heads.result import HeadResult
    from shared.labels.shard import read_labels
    from shared.runs.errors import UserError
    from student.api import Student
    from teacher.api import Teacher

    __version__: str

__all__ = [
    "Camera",
    "FlameModel",
    "FlameParams",
    "HeadResult",
    "Student",
    "Teacher",
    "UserError",
    "__version__",
    "load_flame",
    "read_labels",
]

_MODULES = {
    "Camera": "shared.geometry.camera",
    "FlameModel": "shared.flame.model",
    "FlameParams": "shared.flame.params",
    "HeadResult": "shared.heads.result",
    "Student": "student.api",
    "Teacher": "teacher.api",
    "UserError": "shared.runs.errors",
    "load_flame": "shared.flame.assets",
    "read_labels": "shared.labels.shard",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value = version("pixel3dmm-distill")
    elif name in _MODULES:
        value = getattr(import_module(_MODULES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value  # the next time it is found without us
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
