"""Decides whether AWS would accept a call and, if not, answers in the words and the protocol of the service."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from gridwatch.localcloud.requests import buses, functions, log_groups, parameters, queues, roles, tables, topics
from gridwatch.localcloud.requests.reading import Call
from gridwatch.localcloud.sagemaker.errors import ServiceError
from gridwatch.localcloud.sagemaker.validation import problems_of

Answer = tuple[int, dict[str, str], bytes]
# What a service calls a request that breaks its model; the others say ValidationException.
_CODES = {
    "athena": "InvalidRequestException",
    "cloudformation": "ValidationError",
    "ecr": "InvalidParameterException",
    "glue": "InvalidInputException",
    "iam": "ValidationError",
    "logs": "InvalidParameterException",
    "monitoring": "InvalidParameterValue",
    "sns": "InvalidParameter",
    "sqs": "InvalidParameterValue",
    "sts": "ValidationError",
}
_FURTHER: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    **buses.CHECKS, **functions.CHECKS, **log_groups.CHECKS, **parameters.CHECKS,
    **queues.CHECKS, **roles.CHECKS, **tables.CHECKS, **topics.CHECKS,
}  # fmt: skip
# Members of which AWS takes more than its model says: they are held against the documentation alone.
_WRONG_IN_MODELS = {"sqs:ReceiveMessage": ("AttributeNames",)}
# MiniStack's names of the services whose requests are held against their models. SageMaker and Batch do it themselves.
CHECKED = (
    "athena", "cloudformation", "dynamodb", "ecr", "events", "glue", "iam", "kinesis", "kms", "lambda", "logs",
    "monitoring", "scheduler", "secretsmanager", "sns", "sqs", "ssm", "states", "sts",
)  # fmt: skip


def refuse(call: Call) -> None:
    """Check a call. Raises ServiceError for one that AWS would refuse whatever exists in the account."""
    name = f"{call.service}:{call.operation.name}"
    modelled = {key: value for key, value in call.parameters.items() if key not in _WRONG_IN_MODELS.get(name, ())}
    problems = problems_of(call.operation.input_shape, modelled)
    further = _FURTHER.get(name)
    if further is not None and not any("must not be null" in problem for problem in problems):
        further(call.parameters)  # first: its codes say more
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
        raise ServiceError(_CODES.get(call.service, "ValidationException"), count + "; ".join(problems))


def answer(call: Call, error: ServiceError) -> Answer:
    """The refusal in the form of the operation's protocol."""
    model = call.operation.service_model
    if "query" in model.metadata.get("protocols", [model.metadata["protocol"]]) and call.service != "monitoring":
        kind = "Sender" if error.status < 500 else "Receiver"
        words = f"<Type>{kind}</Type><Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
        namespace = model.metadata.get("xmlNamespace", "")
        text = f'<ErrorResponse xmlns="{namespace}"><Error>{words}</Error><RequestId>local</RequestId></ErrorResponse>'
        return error.status, {"Content-Type": "text/xml"}, text.encode()
    headers = {
        "Content-Type": f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.1')}",
        "x-amzn-ErrorType": error.code,
    }
    if call.service in ("sqs", "monitoring"):
        headers["x-amzn-query-error"] = f"{error.code};Sender"
    told = {"__type": error.code, "message": error.message, "Message": error.message}
    return error.status, headers, json.dumps(told).encode()
