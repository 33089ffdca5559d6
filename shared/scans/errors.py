"""What is wrong with one picture's files."""

from __future__ import annotations


class ScanError(Exception):
    """A scan that cannot be used; the message says why, and names the file where there is one."""
