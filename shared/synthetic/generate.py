"""A folder of portraits, made by any number of processes, stopped and taken up at any time."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.config import SyntheticConfig
from shared.config.loading import to_yaml
from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.images.decode import InputError
from shared.runs.device import choose_device, keep_freed_memory, one_thread
from shared.runs.errors import UserError
from shared.runs.files import remove_partial_files, write_json, write_text
from shared.runs.manifest import claim
from shared.runs.provenance import git_sha
from shared.runs.ranks import Ranks
from shared.runs.sharding import ShardProgress, claimed, shards_so_far, share, unfinished
from shared.synthetic.scene.portrait import Portrait
from shared.synthetic.storage.contact_sheet import write_contact_sheet, write_truth_sheet
from shared.synthetic.storage.detection import landmark_detector
from shared.synthetic.storage.shards import SCHEMA, ShardWriter, StoredPortraits, picture_stem, shard_path
from shared.synthetic.studio import Order, PortraitStudio

# Options on which no picture depends, but for the last bits on another device: a run may go on with others.
_WHERE_AND_HOW_FAST = ("out", "processes", "device", "overwrite")
_MADE = ("shards", "locks", "config.yaml", "run.json", "contact_sheet.jpg", "truth_sheet.jpg")


@dataclass(frozen=True)
class PortraitFolder:
    """The folder of one run."""

    root: Path
    count: int
    shard_size: int

    @property
    def n_shards(self) -> int:
        """How many shards the pictures make."""
        return -(-self.count // self.shard_size)

    def indices(self, shard: int) -> range:
        """Numbers of a shard's pictures in the series."""
        return range(shard * self.shard_size, min((shard + 1) * self.shard_size, self.count))

    def n_items(self, shard: int) -> int:
        """How many pictures a shard has."""
        return len(self.indices(shard))

    def is_finished(self, shard: int) -> bool:
        """Whether the file that closes it is there."""
        return shard_path(self.root, shard).is_file()

    def lock_path(self, shard: int) -> Path:
        """Held while the shard is worked on."""
        return self.root / "locks" / f"{shard:05d}.lock"


def generate(config: SyntheticConfig, ranks: Ranks | None = None, quiet: bool = False) -> bool:
    """Make a folder of portraits, or go on with what an earlier run left.

    True in the process that finds all of them done and has drawn the sheets; never in a helper.

    Raises:
        UserError, StorageError: something the user can put right.
        KeyboardInterrupt: with a message on how to go on.
    """
    ranks = ranks or Ranks.from_environment()
    one_thread()
    keep_freed_memory()
    studio = build_studio(config, ranks)
    head_id = studio.model.assets.head_id
    folder = PortraitFolder(Path(config.out), config.count, config.shard_size)
    ranks.after_first(lambda: _prepare(folder, config, head_id))
    provenance = {"head_id": head_id, "git_sha": git_sha(), "config": _defining(config)}
    detect = landmark_detector() if config.landmarks else None
    writer = ShardWriter(folder.root, config.image_format, config.quality, provenance, detect)

    def work(place: Ranks) -> None:
        with ShardProgress(folder, "portrait", disable=quiet or place.rank > 0) as progress:
            for shard in claimed(folder, place):
                remove_partial_files(shard_path(folder.root, shard).parent, f"{shard:05d}")
                shutil.rmtree(picture_stem(folder.root, shard, 0).parent, ignore_errors=True)
                writer.write(shard, _portraits(studio, config, folder.indices(shard), place, progress))
                progress.shard_done()

    share(work, config.processes, ranks, lambda: shards_so_far(folder))
    if ranks.parent is not None or unfinished(folder):
        return False
    stored = StoredPortraits(folder.root)
    write_contact_sheet(folder.root / "contact_sheet.jpg", stored)
    write_truth_sheet(folder.root / "truth_sheet.jpg", stored)
    return True


def build_studio(config: SyntheticConfig, ranks: Ranks | None = None) -> PortraitStudio:
    """The studio of these options. UserError if the head or a folder cannot be used."""
    device = choose_device(config.device, (ranks or Ranks()).local_rank)
    folders = [Path(one) if one else None for one in (config.makehuman_assets, config.backgrounds)]
    try:
        model = FlameModel(load_flame(config.flame)).to(device)
        return PortraitStudio(model, (config.size, config.size), *folders)
    except InputError as error:
        raise UserError(f"backgrounds={config.backgrounds}: {error.reason}") from error
    except (OSError, ValueError, KeyError) as error:
        raise UserError(str(error.args[0] if isinstance(error, KeyError) else error)) from error


def _portraits(
    studio: PortraitStudio, config: SyntheticConfig, indices: range, ranks: Ranks, progress: ShardProgress
) -> Iterator[Portrait]:
    for index in indices:
        ranks.check_parent()
        yield studio.portrait(Order.draw(config.seed, index, config.per_person))
        progress.tick()


def _prepare(folder: PortraitFolder, config: SyntheticConfig, head_id: str) -> None:
    """Make the folder ready, or find that it holds the beginning of this very run."""
    manifest = {"schema": SCHEMA, "head_id": head_id, **_defining(config)}
    claim(folder.root, manifest, _MADE, config.overwrite)
    write_text(folder.root / "config.yaml", to_yaml(config))
    write_json(folder.root / "run.json", {"command": sys.argv, "git_sha": git_sha(), "head_id": head_id})
    done = folder.n_shards - len(unfinished(folder))
    if done:
        print(f"{done} of {folder.n_shards} shards are finished already and stay as they are", file=sys.stderr)


def _defining(config: SyntheticConfig) -> dict[str, Any]:
    return {key: value for key, value in asdict(config).items() if key not in _WHERE_AND_HOW_FAST}
