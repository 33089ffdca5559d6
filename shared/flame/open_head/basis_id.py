"""Whose identity coefficients are meant."""

from __future__ import annotations

import hashlib

import numpy as np

from shared.flame.schema import FlameAssets


def basis_id(head: FlameAssets) -> str:
    """First 16 hex digits of the SHA-256 of what identity coefficients mean: the mean head and its directions.

    Not `head_id`: the units of a head that is built anew may differ in the signs of zeros, which mean nothing here.
    """
    digest = hashlib.sha256()
    for tensor in (head.v_template, head.shapedirs):
        digest.update((tensor.contiguous().numpy() + np.float32(0)).astype("<f4").tobytes())
    return digest.hexdigest()[:16]
