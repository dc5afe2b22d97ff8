"""Faults that the user can mend: told in one line, without a traceback, where SageMaker looks for the reason."""

from __future__ import annotations

from pathlib import Path


class UserError(Exception):
    """Hyperparameters, channels or data that cannot be trained on; the message says what was found and what is
    allowed.
    """


def record_failure(output_folder: Path, message: str) -> None:
    """SageMaker shows the first 1,024 characters of this file as the job's FailureReason."""
    output_folder.mkdir(parents=True, exist_ok=True)
    (output_folder / "failure").write_text(message)
