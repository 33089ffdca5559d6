"""What an exported file says of itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from shared.runs.provenance import git_sha
from student.deploy.signature import OUTPUTS, SCHEMA, Port, input_ports
from student.network.weights import TrainedStudent

_NOT_REPEATED = ("schema", "network", "head_id", "input")


def describe(student: TrainedStudent) -> dict[str, Any]:
    """The header of a student's file, JSON."""
    config = student.network.config
    made = {name: value for name, value in student.header.items() if name not in _NOT_REPEATED}
    return {
        "schema": SCHEMA,
        "network": asdict(config),
        "head_id": student.head_id,
        "preprocessing": {
            "colour": "RGB, float32 in [0, 1]; normalised inside",
            "size": config.size,
            "margin": config.margin,
            "crop": "square around the middle of the box of the face's landmarks (forehead to chin), side margin times "
            "its longer side, resized to size; pixels have their origin at the top-left corner of the top-left pixel",
        },
        "inputs": _ports(input_ports(config)),
        "outputs": _ports(OUTPUTS),
        "precision": "fp32",
        "made": made,
        "exported_by": git_sha(),
    }


def _ports(ports: tuple[Port, ...]) -> dict[str, dict[str, Any]]:
    return {port.name: {"shape": list(port.shape), "meaning": port.meaning} for port in ports}
