"""Predictions for any number of crops, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.schema import FlameAssets
from shared.records.tensor_record import stack
from shared.runs.errors import UserError
from teacher.prior.geometry.mirror import Mirror
from teacher.prior.map_quality.checks import MapQuality, MapWarning
from teacher.prior.networks.weights import Prior
from teacher.prior.prediction.flip import average, mirrored_input, mirrored_prediction
from teacher.prior.records import PriorInput, PriorPrediction


class Predictor:
    """A trained network at work.

    Args:
        prior: the network.
        batch_size: crops a batch.
        flip: average with the prediction of the mirrored crop, at twice the time.
        device: where to compute.
        assets: the head that the network was trained on; the open head if None. Only flipping needs it.
        bf16: autocast, which is faster on some machines and rounds predictions to about 1 in 250 of their range.

    Raises:
        UserError: flipping needs another head than the one given, or a symmetric one.
    """

    def __init__(
        self,
        prior: Prior,
        batch_size: int,
        flip: bool,
        device: torch.device | str,
        assets: FlameAssets | None = None,
        bf16: bool = False,
    ) -> None:
        self.device = torch.device(device)
        self.network = prior.network.to(self.device).eval()
        self.batch_size, self.bf16 = batch_size, bf16
        self._mirror: Mirror | None = None
        self._partners: Tensor | None = None
        if flip:
            mirror = _mirror_of(prior.head_id, load_flame() if assets is None else assets)
            vertices = self.network.vertices
            self._partners = None if vertices is None else mirror.points(vertices.cpu()).to(self.device)
            self._mirror = mirror.to(self.device)

    def predict(self, inputs: Iterable[PriorInput]) -> Iterator[PriorPrediction]:
        """A prediction for each crop, in their order, on the CPU and without leading dimensions.

        Inputs are drawn a batch at a time, so that a stream of any length takes little memory. ValueError for a crop
        of another size than the network's.
        """
        stream = iter(inputs)
        while batch := list(islice(stream, self.batch_size)):
            size = batch[0].image.shape[-1]
            if size != self.network.size:
                raise ValueError(f"the network takes crops of {self.network.size} pixels, got {size}")
            predicted = self._batch(stack(batch).to(self.device)).to("cpu")
            for row in range(len(batch)):
                yield predicted[row]

    def warnings(self, prediction: PriorPrediction, inputs: PriorInput) -> tuple[MapWarning, ...]:
        """Why one crop's maps should not be trusted; empty if nothing speaks against them."""
        return MapQuality.of(prediction, inputs).warnings

    @torch.inference_mode()
    def _batch(self, inputs: PriorInput) -> PriorPrediction:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            predicted = self.network(inputs)
            if self._mirror is None:
                return predicted
            mirrored = self.network(mirrored_input(inputs, self._mirror))
        back = mirrored_prediction(mirrored, self._mirror, self._partners, self.network.size)
        return average(predicted, back)


def _mirror_of(head_id: str, assets: FlameAssets) -> Mirror:
    if assets.head_id != head_id:
        raise UserError(
            f"the weights speak of head {head_id}, this is head {assets.name!r} ({assets.head_id}), whose mirror "
            "would not fit: use flip=false"
        )
    try:
        return Mirror.of(assets)
    except ValueError as error:
        raise UserError(f"{error}: use flip=false") from error
