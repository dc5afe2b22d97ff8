"""What EventBridge, its scheduler and Step Functions accept beyond their models (API reference of PutRule,
CreateSchedule and CreateStateMachine; user guide, "Setting a schedule pattern").
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from gridwatch.localcloud.sagemaker.errors import ServiceError

_TARGETS_OF_A_RULE = 5
_ENTRIES = 1_048_576  # bytes of all entries of a request
_TIME = 14  # bytes that an entry's time counts as
_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)")
_CRON_FIELD = re.compile(r"[0-9A-Za-z*?,/#LW-]+")
_CRON_FIELDS = 6
_MACHINE_NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")
_AT = re.compile(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\)")


def is_schedule(text: str) -> bool:
    """Whether an expression is a rate or a cron expression that EventBridge accepts."""
    rate = _RATE.fullmatch(text)
    if rate is not None:
        return (rate[1] == "1") is not bool(rate[3])
    if not (text.startswith("cron(") and text.endswith(")")):
        return False
    fields = text[5:-1].split()
    if len(fields) != _CRON_FIELDS or not all(_CRON_FIELD.fullmatch(field) for field in fields):
        return False
    return (fields[2] == "?") is not (fields[4] == "?")  # the day of the month or that of the week


def _put_rule(request: Mapping[str, Any]) -> None:
    schedule = request.get("ScheduleExpression")
    if not schedule and not request.get("EventPattern"):
        raise _invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if schedule and not is_schedule(schedule):
        raise _invalid("Parameter ScheduleExpression is not valid.")
    if schedule and request.get("EventBusName") not in (None, "default"):
        raise _invalid("ScheduleExpression is supported only on the default event bus.")


def _put_targets(request: Mapping[str, Any]) -> None:
    if len(request["Targets"]) > _TARGETS_OF_A_RULE:
        raise ServiceError("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    for target in request["Targets"]:
        name = target["Id"]
        given = [each for each in ("Input", "InputPath", "InputTransformer") if target.get(each)]
        if len(given) > 1:
            raise _invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}.")


def _schedule(request: Mapping[str, Any]) -> None:
    text = str(request["ScheduleExpression"])
    if not is_schedule(text) and not _AT.fullmatch(text):
        raise _invalid(f"Invalid Schedule Expression {text}.")


def _state_machine(request: Mapping[str, Any]) -> None:
    name = str(request["name"])
    if not _MACHINE_NAME.fullmatch(name):
        raise ServiceError("InvalidName", f"Invalid Name: '{name}'")
    try:
        definition = json.loads(request["definition"])
    except ValueError:
        definition = None
    states = definition.get("States") if isinstance(definition, dict) else None
    if not isinstance(definition, dict) or not isinstance(states, dict) or definition.get("StartAt") not in states:
        raise ServiceError("InvalidDefinition", "Invalid State Machine Definition: StartAt must name one of its States")


def refused_entry(entry: Mapping[str, Any]) -> dict[str, str] | None:
    """PutEvents' answer for an entry that it refuses; None for an accepted one."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            return {
                "ErrorCode": "InvalidArgument",
                "ErrorMessage": f"Parameter {name} is not valid. Reason: {name} is a required argument.",
            }
    try:
        is_object = isinstance(json.loads(entry["Detail"]), dict)
    except ValueError:
        is_object = False
    return None if is_object else {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


def check_sizes(entries: Sequence[Mapping[str, Any]]) -> None:
    """Check the entries' size together. Raises ValidationException (user guide, "Calculating PutEvents event entry
    size").
    """
    texts = [[entry.get(name) or "" for name in ("Source", "DetailType", "Detail")] for entry in entries]
    texts += [entry.get("Resources") or [] for entry in entries]
    size = sum(len(str(text).encode()) for each in texts for text in each)
    size += sum(_TIME for entry in entries if entry.get("Time") is not None)
    if size > _ENTRIES:
        raise _invalid(f"Total size of the entries in the request is over the limit: {size} bytes of {_ENTRIES}")


def _put_events(request: Mapping[str, Any]) -> None:
    check_sizes(request["Entries"])


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


CHECKS = {
    "events:PutEvents": _put_events,
    "events:PutRule": _put_rule,
    "events:PutTargets": _put_targets,
    "states:CreateStateMachine": _state_machine,
    "scheduler:CreateSchedule": _schedule,
    "scheduler:UpdateSchedule": _schedule,
}
