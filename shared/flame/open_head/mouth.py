"""The inside of the mouth: where the tongue and the teeth rest.

MakeHuman's tongue lies against the palate and fills an open mouth; its upper incisors end above the lip line.
"""

from __future__ import annotations

import numpy as np

from shared.flame.open_head.makehuman import Array
from shared.flame.open_head.topology import Topology

TONGUE_SCALE = np.array([0.92, 0.5, 0.92])
TONGUE_SHIFT = np.array([0.0, -0.0125, -0.0045])  # metres
TEETH_HEIGHT = 0.7  # of the sculpted strips, which reach far into the gums
UPPER_SHIFT = np.array([0.0, -0.0045, -0.001])
LOWER_SHIFT = np.array([0.0, -0.0025, -0.0035])  # behind the upper ones


def inside_shift(topology: Topology, template: Array) -> Array:
    """(V, 3) how far to move tongue and teeth of the template (V, 3)."""
    out = np.zeros_like(template)
    tongue = topology.label_vertices("tongue")
    arm = template[tongue] - template[tongue].mean(0)
    out[tongue] = arm * (TONGUE_SCALE - 1) + TONGUE_SHIFT
    for label, edge, shift in (("upper_teeth", np.min, UPPER_SHIFT), ("lower_teeth", np.max, LOWER_SHIFT)):
        teeth = topology.label_vertices(label)
        biting = edge(template[teeth, 1])
        out[teeth] = shift
        out[teeth, 1] += (template[teeth, 1] - biting) * (TEETH_HEIGHT - 1)
    return out
