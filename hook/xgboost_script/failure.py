"""Reports faults that the user can mend in one line, without a traceback, where SageMaker looks for the reason."""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """The hyperparameters, channels or data cannot be used; the message says what was found and what is allowed."""


def record_failure(output_folder: Path, message: str) -> None:
    """Write the message to the failure file. SageMaker shows its first 1,024 characters as the job's FailureReason."""
    output_folder.mkdir(parents=True, exist_ok=True)
    (output_folder / "failure").write_text(message)
