"""How fast the student trains with its data loader, against the same steps on one batch that is held.

    python benchmarks/student_training.py portraits=FOLDER labels=FOLDER steps=40 repeats=5

Samples a second of whole steps by the recipe configs/student/base.yaml, in turn in one process; medians over the
repeats. The loader is started anew for each repeat, and its read-ahead is used up before the clock starts. Without a
folder, a few portraits are rendered first.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

from command_line import read_options
from torch import nn

from shared.config import SyntheticConfig
from shared.config.loading import load_config
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.runs.device import choose_device
from shared.runs.ranks import Ranks
from shared.synthetic.generate import generate
from shared.training.trainer import Trainer
from student.config import StudentTrainConfig
from student.network.model import StudentNetwork
from student.network.records import StudentSample
from student.training.build import build_samples, new_network
from student.training.run import student_task

CONFIGS = Path(__file__).parents[1] / "configs" / "student"
DEFAULTS = {"portraits": "", "labels": "", "config": "base", "steps": "40", "repeats": "5", "workers": "1",
            "device": "auto"}  # fmt: skip
_RENDERED = 64
_READ_AHEAD = 4  # batches a worker of the loader


class TimedTrainer(Trainer[StudentNetwork]):
    """A trainer whose steps are timed instead of run to an end."""

    def rate(self, model: nn.Module, samples: Iterator[StudentSample], steps: int) -> float:
        """Samples a second."""
        start, count = time.perf_counter(), 0
        for _, sample in zip(range(steps), samples, strict=False):
            terms = self._step(model, sample.to(self.device), 1.0)
            count += len(sample.index)
        float(terms["total"])  # waits for the device
        return count / (time.perf_counter() - start)


def main(options: dict[str, str]) -> None:
    """Print the rates and their ratio."""
    model, steps, workers = FlameModel(load_flame()), int(options["steps"]), int(options["workers"])
    with tempfile.TemporaryDirectory() as folder:
        portraits = options["portraits"] or f"{folder}/portraits"
        if not options["portraits"]:
            generate(SyntheticConfig(out=portraits, count=_RENDERED, size=256, seed=3, landmarks=True), quiet=True)
        words = [f"out={folder}/run", f"data.portraits=[{portraits}]", f"workers={workers}"]
        words += [f"device={options['device']}", f"data.labels=[{options['labels']}]", "data.drawn=0"]
        config = load_config(StudentTrainConfig, [str(CONFIGS / f"{options['config']}.yaml"), *words])
        network = new_network(config, model)
        source = build_samples(config, network, model).training
        trainer = TimedTrainer(
            config, student_task(config, network, source, model, choose_device(config.device)), Ranks()
        )
        prepared = trainer.accelerator.prepare_model(trainer.network, device_placement=False)
        held = next(iter(trainer.batches)).to(trainer.device)
        trainer.rate(prepared, repeat(held), 3)  # kernels are chosen with the first steps
        loaded, bare = [], []
        for _ in range(int(options["repeats"])):
            stream = iter(trainer.batches)
            trainer.rate(prepared, stream, _READ_AHEAD * max(1, workers))
            loaded.append(trainer.rate(prepared, stream, steps))
            stream.close()  # type: ignore[attr-defined] # a generator; its workers end with it
            bare.append(trainer.rate(prepared, repeat(held), steps))
    share = statistics.median(one / other for one, other in zip(loaded, bare, strict=True))
    print(
        f"{options['config']}, {config.network.backbone} at {config.network.size} px, batches of {config.batch_size}, "
        f"{config.precision}, {workers} workers, {trainer.device}, median of {len(loaded)} pairs: {share:.0%}"
    )
    for name, rates in (("with the loader", loaded), ("on a held batch", bare)):
        print(f"  {name}: {statistics.median(rates):.1f} samples/s ({min(rates):.1f} to {max(rates):.1f})")


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
