"""The evaluation of one method on one set: every picture once, whatever stops the process."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from shared.config import EvaluateConfig
from shared.evaluate.methods import find_method
from shared.evaluate.photo_judge import PhotoJudge
from shared.evaluate.protocol import describe
from shared.evaluate.results import Results
from shared.evaluate.rows import Row
from shared.evaluate.run_folder import MADE, SCHEMA, RunFolder
from shared.evaluate.scan_set import is_scan_folder
from shared.evaluate.sets import REAL_HEADS, SETS, load_truth_set
from shared.evaluate.truth_judge import TruthJudge
from shared.evaluate.truth_set import TruthSet
from shared.evaluate.write_results import write_results
from shared.images.source import find_photos
from shared.runs.device import one_thread
from shared.runs.errors import UserError
from shared.runs.files import StorageError, exclusive
from shared.runs.manifest import Manifest, claim
from shared.runs.provenance import git_sha
from shared.runs.ranks import Ranks
from shared.runs.sharding import share

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Job:
    """What is to be judged."""

    ids: tuple[str, ...]
    manifest: Manifest  # what the results depend on
    judge: Callable[[RunFolder], Callable[[int], Row]]  # builds it; takes seconds
    truth: TruthSet | None  # None for photos


def evaluate(config: EvaluateConfig, ranks: Ranks | None = None, quiet: bool = False) -> Results | None:
    """Judge a method, or go on with what an earlier run left.

    Args:
        config: the options.
        ranks: which process this is; as the launcher says if None.
        quiet: no progress bar.

    Returns:
        The results; None if other processes are still at work, the last of which writes them.

    Raises:
        UserError, StorageError: something the user can put right.
        KeyboardInterrupt: with a message on how to go on.
    """
    ranks = ranks or Ranks.from_environment()
    one_thread()
    job = find_job(config)
    ranks.after_first(lambda: _prepare(config, job))
    folder = RunFolder(Path(config.out))

    def so_far() -> str:
        return (
            f"{len(folder.rows())} of {len(job.ids)} pictures are done in {folder.root}; run the same command to go on"
        )

    share(lambda place: _work(job, folder, place, quiet), config.processes, ranks, so_far)
    rows = folder.rows()
    if ranks.parent is not None or any(id not in rows for id in job.ids):
        return None
    return write_results(folder, [rows[id] for id in job.ids], config, job.manifest, job.truth)


def find_job(config: EvaluateConfig) -> Job:
    """What the options ask for. UserError if they name something that is not there."""
    method = find_method(config.method, config.flame, config.method_options)
    know_camera = config.focal == "known"
    manifest: Manifest = {"schema": SCHEMA, "method": config.method, "focal": config.focal}
    manifest |= {"flame": config.flame, "method options": list(config.method_options)}
    if config.set not in (REAL_HEADS, *SETS) and Path(config.set).is_dir() and not is_scan_folder(Path(config.set)):
        photos = find_photos("set", config.set)[: config.first]

        def photo_judge(folder: RunFolder) -> PhotoJudge:
            from shared.landmarker.search import FaceLandmarker

            return PhotoJudge(method(), photos, FaceLandmarker(), know_camera, folder)

        ids = tuple(ref.id for ref in photos)
        listing = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]  # previews go by place in it
        manifest |= {"set": str(Path(config.set).resolve()), "pictures": len(ids), "hash of their names": listing}
        return Job(ids, manifest, photo_judge, None)
    pictures = load_truth_set(config)
    ids = pictures.ids[: config.first]
    manifest |= {"set": pictures.id, "pictures": len(ids), "head_id": pictures.head.head_id}
    return Job(
        ids,
        manifest,
        lambda folder: TruthJudge(method(), pictures, know_camera, folder),
        pictures,
    )


def _prepare(config: EvaluateConfig, job: Job) -> None:
    folder = RunFolder(Path(config.out))
    claim(folder.root, job.manifest, MADE, config.overwrite)
    rows = folder.rows()
    if rows:
        failed = sum(row.state == "failed" for row in rows.values())
        anew = f", {failed} failed ones too; overwrite=true judges all anew" if failed else ""
        print(f"{len(rows)} of {len(job.ids)} pictures are done already and stay as they are{anew}", file=sys.stderr)
    if {row.git_sha for row in rows.values()} - {git_sha()}:
        print("some of them were judged by another version of the code; results.json says which", file=sys.stderr)


def _work(job: Job, folder: RunFolder, ranks: Ranks, quiet: bool) -> None:
    with exclusive(folder.lock_path(ranks.rank)) as ours:
        if not ours:
            raise UserError(f"another run works in {folder.root}")
        done = folder.rows()
        left = [index for index, id in enumerate(job.ids) if id not in done and index % ranks.world == ranks.rank]
        if not left:
            return
        judge = job.judge(folder)
        for index in tqdm(left, unit="picture", dynamic_ncols=True, disable=quiet or ranks.rank > 0):
            ranks.check_parent()
            row = _judged(judge, index, job.ids[index])
            if row.state == "failed":
                logger.warning("%s: %s", row.id, row.reason)
            folder.add(row)


def _judged(judge: Callable[[int], Row], index: int, id: str) -> Row:
    """A picture that cannot be judged never ends a run."""
    try:
        return judge(index)
    except (StorageError, UserError):
        raise
    except Exception as error:
        logger.exception("%s: the evaluation itself broke down", id)
        return Row(id, index, "failed", f"the evaluation broke down: {describe(error)}", git_sha=git_sha())
