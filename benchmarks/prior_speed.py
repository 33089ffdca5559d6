"""How fast the priors train against their bare network, and how long a prediction takes.

    python benchmarks/prior_speed.py portraits=FOLDER batch=16 steps=30 repeats=5

Training: samples a second of whole steps with the data loader, by the recipe configs/teacher/prior_compact.yaml, and of
the same steps on one batch that is held, in turn in one process; medians over the repeats. The loader is started anew
for each repeat, and its read-ahead is used up before the clock starts. Without a folder, a few portraits are rendered
first.

Inference: the compact network with its confidences, from the picture in memory: the crop with the landmarks' maps, and
the network, with both of its heads and with each alone; medians. The published network only on a GPU.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from command_line import read_options
from torch import nn

from shared.config import SyntheticConfig
from shared.config.loading import load_config
from shared.flame.assets import load_flame
from shared.flame.schema import FlameAssets
from shared.geometry.face_crop import face_crop
from shared.runs.device import choose_device
from shared.runs.ranks import Ranks
from shared.synthetic.generate import generate
from shared.training.task import TrainingSample
from shared.training.trainer import Trainer
from teacher.config import CompactConfig, PriorTrainConfig, VitConfig
from teacher.prior.data.sources import build_source
from teacher.prior.geometry.crops import prior_input
from teacher.prior.geometry.landmark_maps import LandmarkMapper
from teacher.prior.networks.build import build_network
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.networks.weights import Prior
from teacher.prior.prediction.predictor import Predictor
from teacher.prior.records import PriorInput
from teacher.prior.training.run import prior_task

RECIPE = Path(__file__).parents[1] / "configs" / "teacher" / "prior_compact.yaml"
DEFAULTS = {"portraits": "", "size": "256", "batch": "16", "steps": "20", "repeats": "5", "workers": "2",
            "precision": "bf16", "device": "auto", "batches": "1,16"}  # fmt: skip
_RENDERED = 16  # portraits at least, where no folder is given
_READ_AHEAD = 4  # batches a worker of the loader


class TimedTrainer(Trainer[PriorNetwork]):
    """A trainer whose steps are timed instead of run to an end."""

    def rate(self, model: nn.Module, samples: Iterator[TrainingSample], steps: int) -> float:
        """Samples a second."""
        self._wait()
        start, count = time.perf_counter(), 0
        for _, sample in zip(range(steps), samples, strict=False):
            self._step(model, sample.to(self.device), 1.0)
            count += len(sample.index)
        self._wait()
        return count / (time.perf_counter() - start)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def training(options: dict[str, str], folder: Path, assets: FlameAssets) -> None:
    """Print the rates and their ratio."""
    size, steps, workers = (int(options[name]) for name in ("size", "steps", "workers"))
    changes = {
        "out": folder / "run",
        "compact.size": size,
        "data.portraits": f"[{options['portraits'] or folder / 'portraits'}]",
        "batch_size": options["batch"],
        "workers": workers,
        "precision": options["precision"],
        "device": options["device"],
    }
    config = load_config(PriorTrainConfig, [str(RECIPE), *(f"{name}={value}" for name, value in changes.items())])
    network = build_network("compact", config.compact, "crop", assets)
    task = prior_task(config, network, build_source(config, network.vertices, assets), assets)
    trainer = TimedTrainer(config, task, Ranks())
    model = trainer.accelerator.prepare_model(trainer.network, device_placement=False)
    held = next(iter(trainer.batches)).to(trainer.device)
    trainer.rate(model, repeat(held), 3)  # kernels are chosen with the first steps
    loaded, bare = [], []
    for _ in range(int(options["repeats"])):
        stream = iter(trainer.batches)
        trainer.rate(model, stream, _READ_AHEAD * max(1, workers))
        loaded.append(trainer.rate(model, stream, steps))
        stream.close()  # type: ignore[attr-defined] # a generator; its workers end with it
        bare.append(trainer.rate(model, repeat(held), steps))
    share = statistics.median(one / other for one, other in zip(loaded, bare, strict=True))
    print(
        f"training, {size} px, batches of {config.batch_size}, {config.precision}, {workers} workers, "
        f"{trainer.device}, median of {len(loaded)} pairs: {share:.0%}"
    )
    for name, rates in (("with the loader", loaded), ("on a held batch", bare)):
        print(f"  {name}: {statistics.median(rates):.1f} samples/s ({min(rates):.1f} to {max(rates):.1f})")


def inference(options: dict[str, str], assets: FlameAssets) -> None:
    """Print milliseconds a picture."""
    size, device = int(options["size"]), choose_device(options["device"])
    kinds = {"": {}, ", maps alone": {"points": 0}, ", points alone": {"maps": False}}
    compact = {
        name: build_network("compact", CompactConfig(size=size, **changes), "crop", assets)
        for name, changes in kinds.items()
    }
    mapper, landmarks = LandmarkMapper.of(assets), _landmarks(assets)
    picture = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)

    def cut(size: int) -> PriorInput:
        return prior_input(picture, face_crop(landmarks, size), landmarks, mapper)

    repeats = 4 * int(options["repeats"])
    cutting = _median_ms(lambda: cut(size), repeats)
    print(f"\ncrop of {size} px with landmark maps: {cutting:.2f} ms")
    rows: list[tuple[str, PriorNetwork, PriorInput]] = [
        (f"compact, {size} px{name}", network, cut(size)) for name, network in compact.items()
    ]
    if device.type == "cuda":
        vit = build_network("vit", VitConfig(pretrained="none"), "crop", None)
        rows.append((f"vit-base, {vit.size} px", vit, cut(vit.size)))
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"
    print(f"{'network on ' + where:<36}{'batch':>6}{'precision':>11}{'ms a picture':>14}{'with the crop':>15}")
    for name, network, inputs in rows:
        prior = Prior(network, assets.head_id, {})
        for batch in map(int, options["batches"].split(",")):
            for precision in ("fp32", "bf16"):
                predictor = Predictor(prior, batch, False, device, bf16=precision == "bf16")
                ms = _median_ms(lambda p=predictor, b=batch, i=inputs: list(p.predict([i] * b)), repeats) / batch
                print(f"{name:<36}{batch:>6}{precision:>11}{ms:>14.1f}{ms + cutting:>15.1f}")
    if device.type != "cuda":
        print("vit-base: skipped, as there is no GPU here")


def _median_ms(work: Callable[[], object], repeats: int) -> float:
    for _ in range(3):
        work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def _landmarks(assets: FlameAssets) -> torch.Tensor:
    """(478, 2) of a face 300 pixels wide, seen from the front."""
    places = assets.landmarks["mediapipe"].positions(assets.v_template, assets.faces)
    return (places[:, :2] - places[:, :2].mean(0)) * torch.tensor([2000.0, -2000.0]) + torch.tensor([640.0, 360.0])


def main(options: dict[str, str]) -> None:
    """Print all figures."""
    assets = load_flame()
    with tempfile.TemporaryDirectory() as folder:
        if not options["portraits"]:
            count, size = max(_RENDERED, int(options["batch"])), int(options["size"])
            portraits = f"{folder}/portraits"
            generate(SyntheticConfig(out=portraits, count=count, size=size, seed=3, landmarks=True), quiet=True)
        training(options, Path(folder), assets)
    inference(options, assets)


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
