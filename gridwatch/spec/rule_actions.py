"""Debugger's own rule actions: `action_json`, as the SageMaker SDK writes it, with escaped quotes.

It needs nothing of the spec: a job's name is filled in when its request is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

ACTIONS = "action_json"
MAX_TEXT = 256  # of a parameter's value
_UNSAID = re.compile(r'\{\\"name\\": \\"stoptraining\\"\}')


def serialized(actions: Sequence[Mapping[str, str]]) -> str:
    """The actions as text. A stop that names no job is completed by `with_job_name`."""
    told = (", ".join(f'\\"{name}\\": \\"{value}\\"' for name, value in action.items()) for action in actions)
    return f"[{', '.join(f'{{{each}}}' for each in told)}]"


def with_job_name(actions: str, job_name: str) -> str:
    named = f'{{\\"name\\": \\"stoptraining\\", \\"training_job_prefix\\": \\"{job_name}\\"}}'
    return _UNSAID.sub(lambda _: named, actions)
