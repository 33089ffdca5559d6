"""What a process computes with."""

from __future__ import annotations

import subprocess
import sys

import pytest

from shared.runs.device import short_turns

_FAULTS = """
import resource, sys, torch
from shared.runs.device import keep_freed_memory
torch.set_num_threads(1)
if sys.argv[1] == "keep":
    keep_freed_memory()
def ask():
    for _ in range(10):
        torch.ones(20_000_000)
ask()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
ask()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's malloc is Linux's")
def test_freed_memory_is_used_again_without_page_faults() -> None:
    def faults(how: str) -> int:
        run = subprocess.run([sys.executable, "-c", _FAULTS, how], capture_output=True, text=True, check=True)
        return int(run.stdout)

    plain = faults("plain")
    if plain < 1000:
        pytest.skip(f"this C library keeps freed memory by itself ({plain} faults)")
    # Now and then something small is put into the freed block, and the next request needs a new one.
    assert faults("keep") < 0.5 * plain


def test_turns_are_short_inside_and_as_before_after() -> None:
    before = sys.getswitchinterval()
    with short_turns():
        assert sys.getswitchinterval() < before
    assert sys.getswitchinterval() == before
