"""Samples and predictions as pictures (H, W, 3) uint8 RGB, to judge a network by eye."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from shared.render.overlay import draw_points
from shared.synthetic.storage.contact_sheet import part_colours
from teacher.prior.records import N_PARTS, Frame, PriorMaps, PriorPoints, PriorPrediction, PriorSample

_OUTSIDE = 0.35  # brightness where there is no truth
_DOUBTFUL_UV = 0.03  # standard deviation that is drawn as the greatest
_SEEN, _HIDDEN = (90, 255, 120), (255, 80, 80)


def sample_rows(sample: PriorSample, prediction: PriorPrediction) -> list[list[np.ndarray]]:
    """A row of pictures for each sample of a batch (B, ...) on the CPU.

    Columns: picture with predicted points, landmark UV that went in, then predicted and true UV, normals and parts,
    and the uncertainty of UV; only those that the network predicts.
    """
    return [_row(sample[i], prediction[i]) for i in range(len(sample.index))]


def _row(sample: PriorSample, prediction: PriorPrediction) -> list[np.ndarray]:
    image, target, maps = photo(sample.input.image), sample.target, prediction.maps
    size = image.shape[0]
    hint = uv_colours(sample.input.landmark_maps[:2], sample.input.landmark_maps[5] > 0)
    cells = [_with_points(image, prediction.points), cv2.resize(hint, (size, size), interpolation=cv2.INTER_NEAREST)]
    if maps.uv is not None:
        cells += [uv_colours(maps.uv, target.uv_mask, _OUTSIDE), uv_colours(target.uv, target.uv_mask)]
    if maps.normal is not None:
        cells.append(normal_colours(maps.normal, target.normal_mask, maps.frame, _OUTSIDE))
        cells.append(normal_colours(target.normal, target.normal_mask, maps.frame))
    if maps.part_logits is not None:
        cells += [parts(maps.part_logits.argmax(0)), parts(target.part)]
    doubt = doubt_colours(maps)
    return cells if doubt is None else [*cells, doubt]


def photo(image: Tensor) -> np.ndarray:
    """(3, H, W) in [0, 1] -> picture."""
    return (image.permute(1, 2, 0).clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def uv_colours(uv: Tensor, mask: Tensor, outside: float = 0.0) -> np.ndarray:
    """(2, H, W) as red and green; darkened to the share ``outside`` where the mask is False."""
    red, green = uv.float()
    return _dimmed(torch.stack([red, green, torch.zeros_like(red)]), mask, outside)


def normal_colours(normal: Tensor, mask: Tensor, frame: Frame, outside: float = 0.0) -> np.ndarray:
    """(3, H, W) with right, up and towards the viewer as red, green and blue."""
    signs = (1.0, 1.0, 1.0) if frame == "head" else (1.0, -1.0, -1.0)
    return _dimmed(normal.float() * normal.new_tensor(signs)[:, None, None] / 2 + 0.5, mask, outside)


def parts(part: Tensor) -> np.ndarray:
    """(H, W) values of `Part`; what is unknown looks like the background."""
    return part_colours(torch.where(part < N_PARTS, part, 0).numpy())


def heat(values: Tensor, top: float) -> np.ndarray:
    """(H, W) from 0 (black) to ``top`` (light yellow)."""
    levels = (values.float() / top).clamp(0, 1).mul(255).to(torch.uint8).numpy()
    return cv2.applyColorMap(levels, cv2.COLORMAP_MAGMA)[..., ::-1]


def doubt_colours(maps: PriorMaps) -> np.ndarray | None:
    """Predicted standard deviation of UV, or else of the normals; None without either."""
    if maps.uv_log_var is not None:
        return heat((maps.uv_log_var / 2).exp(), _DOUBTFUL_UV)
    if maps.normal_log_var is not None:
        return heat((maps.normal_log_var / 2).exp(), 0.5)
    return None


def _with_points(image: np.ndarray, points: PriorPoints | None) -> np.ndarray:
    if points is None:
        return image
    seen = (points.visible_logit > 0).numpy()
    pixels = points.pixel_px.numpy()
    return draw_points(draw_points(image, pixels[~seen], _HIDDEN, 0.6), pixels[seen], _SEEN, 0.6)


def _dimmed(colours: Tensor, mask: Tensor, outside: float) -> np.ndarray:
    return photo(colours.clamp(0, 1) * torch.where(mask, 1.0, outside))
