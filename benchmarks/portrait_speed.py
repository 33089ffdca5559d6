"""How many complete training samples a second, and where the time goes.

    python benchmarks/portrait_speed.py count=100 size=256 processes=2 makehuman_assets=FOLDER profile=true

Each process makes its own portraits of one series with one thread, as a data loader's worker does: picture and all
truth, in memory. Bald heads with less than one percent of hair in the picture (no beard either) are counted apart. The
first portraits, for which numba compiles or loads code, are not timed. ``profile`` adds the shares of the stages, from
one process.
"""

from __future__ import annotations

import cProfile
import multiprocessing
import pstats
import statistics
import sys
import time

from command_line import read_options

from shared.config import SyntheticConfig
from shared.flame.segmentation import Part
from shared.runs.device import one_thread
from shared.synthetic.generate import build_studio
from shared.synthetic.studio import Order, PortraitStudio

DEFAULTS = {"count": "60", "size": "256", "seed": "5", "processes": "2", "makehuman_assets": "", "profile": "false",
            "device": "cpu"}  # fmt: skip
WARM_UP = 6
STAGES = {
    "the person": ("people.py", "draw"),
    "pose and camera": ("shot.py", "draw_shot"),
    "posing the head": ("studio.py", "pose_head"),
    "occluders drawn": ("draw.py", "draw_occluders"),
    "background and light": ("draw.py", "draw"),
    "surfaces": ("studio.py", "_surfaces"),
    "rasterising": ("render.py", "look"),
    "shading": ("render.py", "render"),
    "  shadow maps": ("light.py", "of"),
    "  materials and light": ("render.py", "_colours"),
    "sensor": ("sensor.py", "apply_sensor"),
    "truth": ("studio.py", "_described"),
}


def studio_of(options: dict[str, str]) -> PortraitStudio:
    """As the command line would build it, with one thread."""
    one_thread()
    size, device = int(options["size"]), options["device"]
    folder = options["makehuman_assets"] or None
    return build_studio(SyntheticConfig(out="-", size=size, device=device, makehuman_assets=folder))


def work(
    options: dict[str, str], rank: int, barrier: multiprocessing.synchronize.Barrier, out: multiprocessing.Queue
) -> None:
    """Time every portrait of one process: (has hair, seconds)."""
    studio, seed, processes = studio_of(options), int(options["seed"]), int(options["processes"])
    for index in range(WARM_UP):
        studio.portrait(Order.draw(seed + 1, index))
    barrier.wait(timeout=300)  # the others may have died
    times = []
    for index in range(rank, int(options["count"]), processes):
        start = time.perf_counter()
        portrait = studio.portrait(Order.draw(seed, index))
        seconds = time.perf_counter() - start
        hairs = float((portrait.truth.part == int(Part.HAIR)).float().mean())
        times.append((portrait.facts.hair != "bald" or hairs > 0.01, seconds))
    out.put(times)


def profile(options: dict[str, str]) -> None:
    """Print the shares of the stages."""
    studio, seed = studio_of(options), int(options["seed"])
    for index in range(WARM_UP):
        studio.portrait(Order.draw(seed + 1, index))
    profiler = cProfile.Profile()
    count = int(options["count"])
    start = time.perf_counter()
    with profiler:
        for index in range(count):
            studio.portrait(Order.draw(seed, index))
    total = time.perf_counter() - start
    stats = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    print(f"\n{'stage':24} {'ms':>6} {'share %':>8}   (with the profiler's own cost)")
    for stage, (file, function) in STAGES.items():
        seconds = sum(
            row[3] for (path, _, name), row in stats.items() if path.endswith(f"/{file}") and name == function
        )
        print(f"{stage:24} {1e3 * seconds / count:6.1f} {100 * seconds / total:8.1f}")


def main(options: dict[str, str]) -> None:
    """Print the rates."""
    context = multiprocessing.get_context("spawn")
    processes = int(options["processes"])
    barrier, out = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=work, args=(options, rank, barrier, out)) for rank in range(processes)]
    for worker in workers:
        worker.start()
    times = [one for _ in workers for one in out.get()]
    for worker in workers:
        worker.join()
    print(f"{options['size']} px, {processes} processes of one thread")
    for name, group in (
        ("all", [t for _, t in times]),
        ("without hair", [t for hair, t in times if not hair]),
        ("with hair", [t for hair, t in times if hair]),
    ):
        if group:
            mean, median = statistics.fmean(group), statistics.median(group)
            print(f"{name:14} {len(group):5d} portraits  mean {1e3 * mean:6.1f} ms  median {1e3 * median:6.1f} ms  "
                  f"{processes / mean:6.1f} samples/s")  # fmt: skip
    if options["profile"] == "true":
        profile(options)


if __name__ == "__main__":
    main(read_options(sys.argv[1:], DEFAULTS))
