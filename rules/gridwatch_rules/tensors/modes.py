"""The phase of training in which a step was saved, numbered and named as smdebug does."""

from __future__ import annotations

from enum import IntEnum


class Mode(IntEnum):
    TRAIN = 1
    EVAL = 2
    PREDICT = 3
    GLOBAL = 4  # no phase; steps are counted over the whole job

    @classmethod
    def named(cls, text: str) -> Mode:
        """Parse the name of a mode ("TRAIN", "train", "ModeKeys.TRAIN"). Raises ValueError naming the known modes."""
        name = text.strip().rsplit(".", 1)[-1].upper()
        if name not in cls.__members__:
            raise ValueError(f"unknown mode {text!r}: one of {', '.join(cls.__members__)}")
        return cls[name]
