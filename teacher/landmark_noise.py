"""Measure where the landmarker sees its points on a head, how its errors go together, and what its blendshapes mean."""

from __future__ import annotations

from pathlib import Path

from shared.config.loading import load_config
from shared.runs.entry import run_entry
from shared.runs.errors import UserError
from teacher.config import LandmarkNoiseConfig

EXAMPLE = """
python teacher/landmark_noise.py real_heads=DIR out=noise.safetensors
python teacher/landmark_noise.py portraits=runs/portraits out=noise.safetensors
"""


def main(argv: list[str]) -> int:
    """Look, measure, write, print."""
    config = load_config(LandmarkNoiseConfig, argv, about=__doc__ or "", example=EXAMPLE)
    if (config.real_heads is None) == (config.portraits is None):
        raise UserError("give real_heads=DIR or portraits=DIR, one of them")
    from shared.flame.assets import load_flame  # after the options, as these take seconds to import
    from shared.flame.landmark_noise import SCHEMA, noise_path
    from shared.flame.model import FlameModel
    from shared.landmarker.search import FaceLandmarker
    from shared.records.tensor_files import write_tensors
    from shared.runs.provenance import git_sha
    from shared.synthetic.storage.shards import StoredPortraits
    from teacher.landmark_errors.blendshapes import measure_response
    from teacher.landmark_errors.measurement import measure, summary
    from teacher.landmark_errors.truth import portraits, real_people

    model = FlameModel(load_flame(config.flame))
    with FaceLandmarker() as detector:
        if config.real_heads is not None:
            found = real_people(model, Path(config.real_heads), config.part, detector)
        else:
            found = portraits(model, StoredPortraits(Path(config.portraits or "")), detector)
    errors, params, blendshapes = found
    tensors = measure(errors)
    figures = summary(tensors, errors)
    tensors |= measure_response(model, params, blendshapes, errors.yaw_rad())
    tensors |= {name: tensors[name].half() for name in ("person", "picture", "mean")}
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    header = {
        "schema": SCHEMA,
        "head_id": model.assets.head_id,
        "git_sha": git_sha(),
        "source": f"real heads, part {config.part}" if config.real_heads is not None else "portraits",
        "pictures": len(errors.unit_m),
        "licence": "CC0-1.0",
        **figures,
    }
    path = Path(config.out) if config.out is not None else noise_path(model.assets)
    write_tensors(path, tensors, header)
    print(f"{len(errors.unit_m)} pictures: " + ", ".join(f"{name} {value:.3g}" for name, value in figures.items()))
    print(path)
    return 0


if __name__ == "__main__":
    run_entry(main)
