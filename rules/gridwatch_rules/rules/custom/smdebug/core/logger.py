"""smdebug's logger. The code that runs a rule decides where its lines go (`child` sends them to stderr)."""

from __future__ import annotations

import logging
from collections import defaultdict

from gridwatch_rules.rules.custom.smdebug.core.config_constants import LOG_DUPLICATION_THRESHOLD


class MaxLevelFilter(logging.Filter):
    """Lets records below a level through."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self.level = level

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno < self.level


class DuplicateLogFilter:
    """Lets through the first few of equal messages."""

    def __init__(self) -> None:
        self.msgs: defaultdict[object, int] = defaultdict(int)
        self.repeat_threshold = LOG_DUPLICATION_THRESHOLD

    def filter(self, record: logging.LogRecord) -> bool:
        self.msgs[record.msg] += 1
        return self.msgs[record.msg] <= self.repeat_threshold


def get_logger(name: str = "smdebug") -> logging.Logger:
    logger = logging.getLogger("smdebug")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.addFilter(DuplicateLogFilter())
        logger.setLevel(logging.INFO)
        logger.propagate = False
    return logging.getLogger(name)
