"""A first look at the student: a photo, and a rendered person in motion whose truth is known."""

from __future__ import annotations

from shared.config.loading import load_config
from shared.runs.entry import run_entry
from student.config import StudentDemoConfig

EXAMPLE = "python student/demo.py out=runs/demo_student"


def main(argv: list[str]) -> int:
    """Write the inputs, predict their heads, compare."""
    config = load_config(StudentDemoConfig, argv, about=__doc__ or "", example=EXAMPLE)
    # After the options, as these take seconds to import.
    from shared.flame.assets import load_flame
    from shared.flame.model import FlameModel
    from student.inference.demonstration import predict, write_inputs

    model = FlameModel(load_flame())
    print(predict(config, write_inputs(config, model), model))
    print(f"\nlook at  {config.out}/photo_astronaut/overlay.png, {config.out}/clip/overlay.mp4")
    return 0


if __name__ == "__main__":
    run_entry(main)
