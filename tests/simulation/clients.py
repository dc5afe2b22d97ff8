"""Replaces boto3's clients, the clock and the environment, the three seams through which the product sees the world.
While `installed`, a simulated cloud answers everything that the product's process asks for.
"""

from __future__ import annotations

import datetime as real
import io
import os
import random
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
from aws_lambda_powertools.utilities.idempotency import base as idempotency
from aws_lambda_powertools.utilities.idempotency.persistence import base, datarecord, dynamodb
from botocore.exceptions import ClientError

from gridwatch.aws import clients, component_search, tensor_source
from gridwatch.localcloud.faults import Fault
from gridwatch_rules.clock import SystemClock
from tests.simulation.cloud import Cloud
from tests.simulation.errors import internal, throttled
from tests.simulation.stage import Act

_QUIET = {
    "POWERTOOLS_METRICS_DISABLED": "true",
    "POWERTOOLS_LOG_LEVEL": "CRITICAL",
    "POWERTOOLS_TRACE_DISABLED": "true",
}
_TOKENS = {"list_objects_v2": "NextContinuationToken"}


class Client:
    """A client. Every operation is a call to the cloud, and a point at which things can go wrong."""

    def __init__(self, service: str, cloud: Cloud) -> None:
        self._service, self._cloud = service, cloud
        self.meta = SimpleNamespace(region_name="eu-west-1", events=mock.MagicMock())
        self.exceptions = _Exceptions()

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        def call(**request: Any) -> dict[str, Any]:
            return self._call(operation, request)

        return call

    def get_paginator(self, operation: str) -> Any:
        def paginate(**request: Any) -> Iterator[dict[str, Any]]:
            while True:
                page = self._call(operation, request)
                yield page
                token = page.get(_TOKENS.get(operation, "NextToken"))
                if token is None:
                    return
                request = {**request, "ContinuationToken": token}

        return SimpleNamespace(paginate=paginate)

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        act = self._cloud.stage.acting
        if not isinstance(request.get("Body", b""), bytes):  # a file, which is read once, however often it is sent
            request = {**request, "Body": request["Body"].read()}
        do = getattr(self._cloud.services[self._service], operation)
        if act is None:  # whoever tells the story
            return self._done(do, request)
        act.check()
        if threading.current_thread() is act:
            act.pause(self._cloud.trouble.latency())
        name = f"{self._service}:{''.join(word.capitalize() for word in operation.split('_'))}"
        fault = self._cloud.trouble.of_call(act.name.partition("#")[0], name)
        self._cloud.stage.tell(f"{name} {_about(request)}{f'  <-- {fault}' if fault else ''}")
        if fault is not None:
            act.faulty = True
        return self._outcome(fault, lambda: self._done(do, request), act)

    def _done(self, do: Callable[..., dict[str, Any]], request: Mapping[str, Any]) -> dict[str, Any]:
        """The service's answer; its error as the client's class for its code."""
        try:
            return do(**request)
        except ClientError as error:
            kind = getattr(self.exceptions, error.response["Error"]["Code"])
            raise kind(error.response, error.operation_name) from error

    def _outcome(self, fault: Fault | None, do: Callable[[], dict[str, Any]], act: Act) -> dict[str, Any]:
        if fault in (Fault.LOST, Fault.KILL_AFTER, Fault.DOUBLE):
            do()
        if fault in (Fault.KILL, Fault.KILL_AFTER):
            act.die()
        if fault is Fault.THROTTLE:
            raise throttled(self._service)
        if fault in (Fault.FAIL, Fault.LOST):
            raise internal(self._service)
        return do()


class _Exceptions:
    """The classes of a client's errors by their codes, made when somebody asks for them."""

    def __getattr__(self, code: str) -> type[ClientError]:
        made: type[ClientError] = type(code, (ClientError,), {})
        setattr(self, code, made)
        return made


def _about(request: Mapping[str, Any]) -> str:
    """The subject of a call, for the trace."""
    known = [request[key] for key in ("TrainingJobName", "QueueUrl", "ResourceArn", "ExperimentName") if key in request]
    for key in ("Key", "Item"):
        if isinstance(request.get(key), Mapping):
            known += [value["S"] for name, value in request[key].items() if name in ("pk", "sk", "id")]
        elif key in request:
            known.append(request[key])
    if "MessageBody" in request:
        known.append(request["MessageBody"][:100])
    if "KeyConditionExpression" in request:
        known += [value["S"] for value in request["ExpressionAttributeValues"].values()]
    return " ".join(str(each).rpartition("amazonaws.com/123456789012/")[2] for each in known)


@contextmanager
def installed(cloud: Cloud) -> Iterator[None]:
    made = {service: Client(service, cloud) for service in cloud.services}

    def client(service: str, **_: Any) -> Client:
        return made[service]

    def now(_: SystemClock) -> real.datetime:
        act = cloud.stage.acting
        return act.moment() if act is not None else cloud.stage.moment()

    def sleep(_: SystemClock, seconds: float) -> None:
        assert cloud.stage.acting is not None
        cloud.stage.acting.pause(seconds)

    class Moment(real.datetime):
        """Powertools' datetime in simulated time."""

        @classmethod
        def now(cls, tz: real.tzinfo | None = None) -> real.datetime:
            del tz
            return now(SystemClock()).astimezone().replace(tzinfo=None)

    shim = SimpleNamespace(datetime=Moment, timedelta=real.timedelta, timezone=real.timezone)
    session = mock.MagicMock()
    session.return_value.client.side_effect = client
    with ExitStack() as seams:
        seams.enter_context(mock.patch.object(boto3, "client", client))
        seams.enter_context(mock.patch.object(boto3, "Session", session))
        seams.enter_context(mock.patch.object(SystemClock, "now", now))
        seams.enter_context(mock.patch.object(SystemClock, "sleep", sleep))
        seams.enter_context(mock.patch.dict(os.environ, {**cloud.blueprint.environment, **_QUIET}))
        seams.enter_context(redirect_stdout(io.StringIO()))  # metrics
        seams.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore", UserWarning)  # Powertools' metrics of interleaved invocations are mixed
        seams.enter_context(mock.patch.object(tensor_source, "ThreadPoolExecutor", _OneAfterTheOther))
        for module in (idempotency, base, datarecord, dynamodb):
            seams.enter_context(mock.patch.object(module, "dt", shim))
        _forget()
        random.seed(0)  # spreads calls of the product, guards nothing
        try:
            yield
        finally:
            _forget()


class _OneAfterTheOther:
    """A pool of threads whose work is done when it is asked for, so that the order of calls follows from the seed."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [work(item) for item in items]


def _forget() -> None:
    for remembering in (
        clients.client, clients.patient_client, clients.single_try_client, clients.region,
        component_search.patient_search_client,
    ):  # fmt: skip
        remembering.cache_clear()
