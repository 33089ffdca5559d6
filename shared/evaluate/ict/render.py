"""A whole set of people from the model, stopped and taken up at any time."""

from __future__ import annotations

from pathlib import Path

from tqdm import tqdm

from shared.config import RenderIctConfig
from shared.evaluate.ict.people import PeopleWriter
from shared.evaluate.ict.read import read_ict
from shared.evaluate.real_heads import PEOPLE, SPLIT
from shared.runs.device import one_thread
from shared.runs.errors import UserError
from shared.runs.files import exclusive, write_json
from shared.runs.manifest import claim

SCHEMA = "pixel3dmm-distill/ict-heads/1"
_MADE = (PEOPLE, SPLIT, "lock")


def render_ict(config: RenderIctConfig, quiet: bool = False) -> int:
    """Draw the people that are not drawn yet, and say who calibrates and who judges; how many people there are.

    Raises:
        UserError: the model cannot be read, or the folder holds another set.
        StorageError: something cannot be written.
    """
    one_thread()
    root = Path(config.out)
    manifest = {"schema": SCHEMA, "seed": config.seed, "people": config.people, "judge": config.judge}
    claim(root, manifest, _MADE, config.overwrite)
    with exclusive(root / "lock") as ours:
        if not ours:
            raise UserError(f"another run works in {root}")
        names = [PeopleWriter.name(number) for number in range(config.people)]
        first = config.people - config.judge
        write_json(root / SPLIT, {"calibrate": names[:first], "judge": names[first:]})
        left = [number for number in range(config.people) if not PeopleWriter.is_done(root, number)]
        if left:
            writer = PeopleWriter(read_ict(Path(config.ict)), root, config.seed)
            for number in tqdm(left, unit="person", dynamic_ncols=True, disable=quiet):
                writer.write(number)
    return config.people
