"""Events and messages: what AWS sends, changed, and handed to every function's handler in an account that moto
simulates.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import fields
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path
from random import Random
from typing import Any

from moto import mock_aws

from gridwatch.events import messages
from tests.fuzz.defects import DefectError
from tests.fuzz.values import TEXTS, broken, changed, scalar
from tests.unit.functions.test_handlers import REGION, Context
from tests.unit.functions.test_watching_handlers import JOB, Watched

EVENTS = Path(__file__).resolve().parents[1] / "events"
FROM_QUEUES = (
    "deliver_alert", "evaluate_rules", "evaluate_slow_rules", "post_webhook", "react_to_finding", "snapshot_experiment",
    "start_trials", "track_job",
)  # fmt: skip
_KINDS = [kind for kind in vars(messages).values() if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__")]
_FURTHER = {
    "ACCOUNT_ID": "123456789012", "CUSTOM_RULE_SECONDS": "1", "DEAD_LETTER_QUEUE_URL": "https://sqs.example/dead",
    "INCIDENT_SECRET_ARN": "", "SLACK_SECRET_ARN": "", "LAUNCH_RATE_PER_SECOND": "1000", "TENSOR_BUCKETS": "",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true", "POWERTOOLS_TRACE_DISABLED": "true",
    "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
}  # fmt: skip


@cache
def _golden() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(path.read_text()) for path in sorted(EVENTS.glob("*.json")))


def event(random: Random) -> bytes:
    """An input: a function's name, a line's end, and what Lambda would call it with."""
    function = random.choice((*FROM_QUEUES, "launch_grid", "sweep"))
    if function in ("launch_grid", "sweep"):
        return _invocation(function, _one(random))
    bodies = [_body(random) for _ in range(random.randrange(1, 4))]
    records = [
        {"messageId": f"m{number}", "receiptHandle": "r", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
        for number, body in enumerate(bodies)
    ]
    return _invocation(function, {"Records": records})


def _invocation(function: str, document: Any) -> bytes:
    return f"{function}\n{json.dumps(document)}".encode()


def _one(random: Random) -> Any:
    """One event, always an object: EventBridge sends nothing else."""
    known = random.choice(_golden())
    return known if random.random() < 0.1 else {**known, "detail": changed(known.get("detail"), random)}


def _body(random: Random) -> str:
    kind = random.random()
    if kind < 0.5:
        return json.dumps(_one(random))
    if kind < 0.9:
        shape = random.choice(_KINDS)
        values = (JOB, "blobs", "a", random.choice(TEXTS), scalar(random))
        message = {"type": shape.__name__, **{each.name: random.choice(values) for each in fields(shape)}}
        return json.dumps(message if random.random() < 0.5 else changed(message, random))
    if kind < 0.95:
        return broken(json.dumps(_one(random)).encode(), random).decode(errors="replace")
    return random.choice(("", "null", "[]", "1", '"a"', "[" * 5_000, "{", "NaN", '{"type": ["EvaluateJob"]}'))


@cache
def _handlers() -> dict[str, Callable[[Any, Any], Any]]:
    """The handlers of all functions, in one account; the process is the fuzzer's own, so nothing is restored."""
    os.environ.update(_FURTHER)
    os.environ.pop("AWS_ENDPOINT_URL", None)
    mock_aws().start()
    account = Watched()
    account.save_tensors()
    os.environ.update(account.environment())
    return {name: import_module(f"{name}.handler").handler for name in (*FROM_QUEUES, "launch_grid", "sweep")}


def take_event(content: bytes) -> bool:
    """Handle an event. True when all of it was done, False when it is to come again or is refused with a reason."""
    name, _, text = content.partition(b"\n")
    function, document = name.decode(), json.loads(text)
    with redirect_stdout(StringIO()):  # logs and metrics
        answer = _handlers()[function](document, Context())
    if function not in FROM_QUEUES:
        return True
    given = {record["messageId"] for record in document["Records"]}
    failed = [item["itemIdentifier"] for item in (answer or {"batchItemFailures": []})["batchItemFailures"]]
    if not set(failed) <= given:
        raise DefectError(f"what was not given comes again: {failed}")
    return not failed
