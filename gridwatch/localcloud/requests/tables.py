"""What DynamoDB refuses of expressions, and MiniStack does not (Developer Guide, "Update expressions", "Query")."""

import re
from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud.sagemaker.errors import ServiceError

_CLAUSE = re.compile(r"\b(SET|REMOVE|ADD|DELETE)\b", re.IGNORECASE)
_PATH = re.compile(r"[#A-Za-z_][\w#]*(?:\[\d+\])*(?:\.[#A-Za-z_][\w#]*(?:\[\d+\])*)*")


def _update(request: Mapping[str, Any]) -> None:
    names = request.get("ExpressionAttributeNames") or {}
    paths = [_parts(path, names) for path in _changed(str(request.get("UpdateExpression") or ""))]
    for number, path in enumerate(paths):
        for other in paths[:number]:
            shared = min(len(path), len(other))
            if path[:shared] == other[:shared]:
                raise ServiceError(
                    "ValidationException",
                    "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one "
                    f"of these paths; path one: [{', '.join(other)}], path two: [{', '.join(path)}]",
                )


def _changed(expression: str) -> list[str]:
    """The document paths that an update expression writes."""
    parts = _CLAUSE.split(expression)
    found = []
    for clause, text in zip(parts[1::2], parts[2::2], strict=False):
        for action in _split(text):
            matched = _PATH.match(action.strip())
            if matched is not None and (clause.upper() != "SET" or "=" in action):
                found.append(matched.group())
    return found


def _split(text: str) -> list[str]:
    """The parts of the text between commas that stand in no parentheses."""
    found, depth, start = [], 0, 0
    for number, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            found.append(text[start:number])
            start = number + 1
    return [*found, text[start:]]


def _parts(path: str, names: Mapping[str, str]) -> list[str]:
    return [names.get(part, part) for part in re.findall(r"[^.\[\]]+|\[\d+\]", path)]


CHECKS = {"dynamodb:UpdateItem": _update}
