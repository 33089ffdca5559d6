"""What every occluder has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from shared.synthetic.occluders.head_fit import HeadFit
from shared.synthetic.scene.scene import Surface

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class OccluderLook(ABC):
    """One thing worn, held or standing before the head: plain numbers, drawn at random."""

    name: str

    @property
    def is_hat(self) -> bool:
        """Whether it sits on the hair, which is flat under it."""
        return False

    @property
    def hides_hair(self) -> bool:
        """Whether no hair can be seen beside it: long hair would come through a scarf."""
        return False

    @property
    def covers_face(self) -> bool:
        """Whether it hides a part of the face, so that the face does not count as unoccluded."""
        return True

    @abstractmethod
    def surfaces(self, fit: HeadFit) -> list[Surface]:
        """Its meshes on one head; the same each time."""
