"""Around every command: its exit code, and one line for what the user can put right."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from shared.config.loading import ConfigError, UsageError
from shared.runs.errors import UserError
from shared.runs.files import StorageError

EXIT_FAILURE, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


def run_entry(main: Callable[[list[str]], int | None]) -> None:
    """Run a command and exit: one line for what the user can put right, a traceback for a bug."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        try:
            code = main(sys.argv[1:]) or 0
        except UsageError as error:
            print(error, file=sys.stderr if error.exit_code else sys.stdout)
            code = error.exit_code
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_FAILURE
    except ConfigError as error:
        code = _fail(str(error), EXIT_USAGE)
    except (UserError, StorageError) as error:
        code = _fail(str(error), EXIT_FAILURE)
    except KeyboardInterrupt as error:
        code = _fail(str(error) or "interrupted", EXIT_INTERRUPTED)
    sys.exit(code)


def _interrupt(_signal: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _fail(message: str, code: int) -> int:
    print(f"error: {message}" if code != EXIT_INTERRUPTED else message, file=sys.stderr)
    if "ACCELERATE_MIXED_PRECISION" in os.environ:
        print("(below, accelerate reports the exit code; it adds nothing)", file=sys.stderr)
    return code
