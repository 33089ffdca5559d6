"""Time the numba rasteriser against pytorch3d on one open head.

    python benchmarks/rasterizer.py sizes=128,256 repeats=5 batch=8 threads=2

Medians of wall times, taken alternately so that both see the same load. ``agree`` is the share of pixels whose triangle
is the same. pytorch3d on the CPU takes about 11 s a head at 512 px; ``oracle_repeats=0`` leaves it out.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch
from command_line import read_options

from shared.flame.open_head_file import load_open_head
from shared.geometry.camera import Camera
from shared.render.rasterizer import Fragments, rasterize

DEFAULTS = {"sizes": "128,256,512", "repeats": "15", "oracle_repeats": "1", "batch": "8", "threads": "2"}


def timed(function: Callable[[], Fragments]) -> tuple[float, Fragments]:
    """Milliseconds of one call, and its result."""
    start = time.perf_counter()
    result = function()
    return 1e3 * (time.perf_counter() - start), result


def compare(size: int, batch: int, repeats: int, oracle_repeats: int) -> str:
    """One row of the table."""
    assets = load_open_head()
    camera = Camera.at_origin(torch.tensor(3.0 * size), (size, size))
    verts = assets.v_template - assets.v_template.mean(0) + torch.tensor([0.0, 0.0, -1.0])
    verts_cam = camera.world_to_cam(verts.expand(batch, -1, -1))

    def run(backend: str) -> tuple[float, Fragments]:
        return timed(lambda: rasterize(verts_cam, assets.faces, camera, backend=backend))

    run("numba")  # compiles, or reads the compiled code from the disk
    numba_ms, oracle_ms = [], []
    ours, agree = run("numba")[1], float("nan")
    for turn in range(max(repeats, oracle_repeats)):
        if turn < repeats:
            numba_ms.append(run("numba")[0])
        if turn < oracle_repeats:
            milliseconds, oracle = run("pytorch3d")
            oracle_ms.append(milliseconds)
            agree = float((ours.face_index == oracle.face_index).float().mean())
    ours_ms = statistics.median(numba_ms)
    theirs_ms = statistics.median(oracle_ms) if oracle_ms else float("nan")
    return f"{size:5d} {batch:6d} {ours_ms:12.2f} {theirs_ms:14.1f} {theirs_ms / ours_ms:8.0f} {100 * agree:9.3f}"


def main() -> None:
    """Print the table."""
    options = read_options(sys.argv[1:], DEFAULTS)
    torch.set_num_threads(int(options["threads"]))
    repeats, oracle_repeats = int(options["repeats"]), int(options["oracle_repeats"])
    print(f"{'px':>5} {'heads':>6} {'numba ms':>12} {'pytorch3d ms':>14} {'ratio':>8} {'agree %':>9}")
    for size in (int(word) for word in options["sizes"].split(",")):
        print(compare(size, 1, repeats, oracle_repeats), flush=True)
        if int(options["batch"]) > 1:
            # The oracle is linear in the batch; at larger sizes it would only cost time.
            oracle_of_batch = oracle_repeats if size <= 128 else 0
            print(compare(size, int(options["batch"]), repeats, oracle_of_batch), flush=True)


if __name__ == "__main__":
    main()
