"""One shard from pictures to the label file.

Three stages overlap, each in a thread: pictures are decoded and searched for faces (`ObservationStream`); the network
looks at batch i + 2 and the solver works on batch i + 1 (`ahead`), while the fits of batch i are drawn and written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from shared.labels.shard import join, write_shard
from shared.runs.files import remove_partial_files, write_json
from shared.runs.prefetch import ahead
from teacher.config import FitDatasetConfig
from teacher.dataset.entries import Entry, entries_of
from teacher.dataset.labels import labels_of, no_labels
from teacher.dataset.previews import write_previews
from teacher.dataset.run_folder import RunFolder
from teacher.observation.face import ObservedFace
from teacher.observation.stream import Observation, ObservationStream
from teacher.pipeline.fit import fit_observed
from teacher.pipeline.observe import ObservedBatch, evidence_of
from teacher.pipeline.records import FitOutcome, FittedFace
from teacher.pipeline.tools import Tools


@dataclass(frozen=True, eq=False)
class Batch:
    """Frames whose faces are fitted together, and how far they have come."""

    observations: tuple[Observation, ...]
    inputs: int  # that end in this batch
    seen: ObservedBatch | None = None  # None also where there are no faces
    outcomes: tuple[FitOutcome, ...] = ()  # one a face

    @property
    def faces(self) -> list[ObservedFace]:
        """Of all frames, in order."""
        return [face for observation in self.observations for face in observation.faces]


def label_shard(
    index: int,
    folder: RunFolder,
    config: FitDatasetConfig,
    tools: Tools,
    stream: ObservationStream,
    tick: Callable[[], None],
) -> None:
    """Do all of one shard; the label file appears last. ``tick`` is called after each input, and may raise to stop."""
    path, report_path = folder.label_path(index), folder.report_path(index)
    for leftover in (path, report_path):
        remove_partial_files(leftover.parent, leftover.stem)
    inputs, start = folder.shard_inputs(index), time.monotonic()
    folder.log("shard started", shard=index, inputs=len(inputs))
    entries: list[Entry] = []
    labels = [no_labels(tools.model, config.vertices)]
    with (
        ahead(_looked_at(batches(stream(inputs), config.batch_size), tools)) as looked_at,
        ahead(_fitted(looked_at, folder, index, config, tools)) as fitted,
    ):
        for batch in fitted:
            good = [one for one in batch.outcomes if isinstance(one, FittedFace) and not one.failures]
            if good:
                labels.append(labels_of(good, config.vertices))
            new_entries = entries_of(batch.observations, batch.outcomes)
            if config.previews:
                write_previews(new_entries, len(entries), batch.outcomes, folder.preview_folder(index), tools.model)
            entries += new_entries
            for _ in range(batch.inputs):
                tick()
    write_json(report_path, entries)
    write_shard(path, join(labels), folder.provenance)
    folder.log("shard finished", shard=index, inputs=len(inputs), seconds=round(time.monotonic() - start, 3))


def batches(observations: Iterable[Observation], batch_size: int) -> Iterator[Batch]:
    """Frames whose faces together make a batch; the cut depends on the inputs only."""
    frames: list[Observation] = []
    inputs = 0
    for observation in observations:
        if observation.last:
            inputs += 1
            continue
        frames.append(observation)
        if sum(len(one.faces) for one in frames) >= batch_size or len(frames) >= 4 * batch_size:
            yield Batch(tuple(frames), inputs)
            frames, inputs = [], 0
    yield Batch(tuple(frames), inputs)


def _looked_at(todo: Iterable[Batch], tools: Tools) -> Iterator[Batch]:
    for batch in todo:
        faces = batch.faces
        yield replace(batch, seen=evidence_of(faces, tools)) if faces else batch


def _fitted(
    todo: Iterable[Batch], folder: RunFolder, index: int, config: FitDatasetConfig, tools: Tools
) -> Iterator[Batch]:
    for number, batch in enumerate(todo):
        faces = batch.faces
        folder.log("fit", shard=index, batch=number, ids=[face.id for face in faces])
        if batch.seen is not None:
            batch = replace(batch, outcomes=tuple(fit_observed(faces, batch.seen, tools, config.quality)))
        yield batch
