"""Reads how long a training is meant to be from its hyperparameters.

Names are compared without regard to case, hyphens and leading dashes, since each script has its own way of writing
them. A value that SageMaker's toolkits have put in quotes counts as the value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ROUNDS, EPOCHS, STEPS = "rounds", "epochs", "steps"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# In the order in which they decide: Transformers' max_steps overrides its epochs, as does every script known to have
# both; a number of rounds stands alone.
_NAMES = {
    ROUNDS: _names(
        "num_round num_rounds n_rounds nrounds num_boost_round num_boost_rounds boosting_rounds num_iterations "
        "iterations n_estimators num_trees n_iter"
    ),
    STEPS: _names(
        "max_steps num_steps total_steps n_steps train_steps num_train_steps max_train_steps training_steps "
        "max_iterations max_iter max_iters"
    ),
    EPOCHS: _names(
        "epochs epoch num_epochs num_epoch n_epochs n_epoch nb_epochs nb_epoch max_epochs num_train_epochs "
        "train_epochs training_epochs total_epochs number_of_epochs"
    ),
}
_ENDS_EARLY = _names(
    "early_stopping_rounds early_stopping_patience early_stopping early_stop early_stop_patience "
    "early_stopping_round early_stopping_type patience num_early_stopping_rounds"
)
_OFF = frozenset({"", "0", "-1", "false", "no", "none", "null", "off"})


@dataclass(frozen=True, slots=True)
class Planned:
    """The planned length: `length` units (rounds, epochs or steps), set by the hyperparameter `name`."""

    unit: str
    length: float
    name: str


def planned(hyperparameters: Mapping[str, Any]) -> Planned | None:
    """How long the training is meant to be; None when no hyperparameter says it."""
    known = {_plain(name): (name, value) for name, value in hyperparameters.items()}
    for unit, names in _NAMES.items():
        for plain in sorted(names & known.keys()):
            name, value = known[plain]
            length = number(value)
            if length is not None and length >= 1:
                return Planned(unit, length, name)
    return None


def may_end_early(hyperparameters: Mapping[str, Any]) -> str | None:
    """The hyperparameter, with its value, that lets the script stop by itself before the planned length."""
    for name, value in hyperparameters.items():
        if _plain(name) in _ENDS_EARLY and _unquoted(value).lower() not in _OFF:
            return f"{name} {_unquoted(value)}"
    return None


def number(value: object) -> float | None:
    """A finite number, plain or in quotes; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        found = float(_unquoted(value))
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _plain(name: object) -> str:
    return str(name).lstrip("-").replace("-", "_").lower()


def _unquoted(value: object) -> str:
    return str(value).strip().strip("\"'").strip()
