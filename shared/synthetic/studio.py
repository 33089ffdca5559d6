"""From a number to a portrait: draw the person and the shot, build the scene, render it, write down the truth."""

from __future__ import annotations
