"""The error that every command shows without a traceback."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can put right; the message says what and how. No traceback is shown."""
