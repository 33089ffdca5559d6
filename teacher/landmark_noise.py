"""Measure where the landmarker sees its points on a head, how its errors go together, and what its blendshapes mean."""

from __future__ import annotations

from pathlib import Path

from shared.config import LandmarkNoiseConfig
from shared.options import load_config
from shared.runtime import UserError, run_entry

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
    from shared.provenance import git_sha
    from shared.synthetic.shards import StoredPortraits
    from shared.tensor_files import write_tensors
    from teacher import landmark_truth
    from teacher.blendshape_measurement import measure_response
    from teacher.landmark_measurement import measure, summary

    model = FlameModel(load_flame(config.flame))
    with FaceLandmarker() as detector:
        if config.real_heads is not None:
            found = landmark_truth.real_people(model, Path(config.real_heads), config.part, detector)
        else:
            found = landmark_truth.portraits(model, StoredPortraits(Path(config.portraits or "")), detector)
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
