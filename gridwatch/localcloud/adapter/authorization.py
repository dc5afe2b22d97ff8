"""Completes MiniStack's own IAM evaluation (AUTH): our services too, the bus's deliveries, and no request let through
unchecked.

`StrictProfile` needs the environment in which AUTH was on before MiniStack was imported. What MiniStack has already:
signatures, sessions of functions' roles, actions and resources of each request, identity policies, boundaries, resource
policies, and refusals in each protocol's words.
"""

import json
import logging
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

from ministack import app
from ministack.core import iam_evaluator, responses
from ministack.services import eventbridge, iam, lambda_svc, sqs

from gridwatch.localcloud.adapter.authorized import (
    OURS,
    Handler,
    Response,
    authorized,
    name_every_action,
    name_log_streams,
    tell_event_sources,
)
from gridwatch.localcloud.authorization.ledger import Grant, Ledger, Refusal

_LOG = logging.getLogger(__name__)
PATH = "/_localcloud/permissions"
# A batch of messages is allowed by the action of one (Service Authorization Reference, Amazon SQS).
_BATCHES = {
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
_EVALUATED: ContextVar[list[tuple[Any, Any]] | None] = ContextVar("_EVALUATED", default=None)

Scope = MutableMapping[str, Any]


class UnknownConditionError(Exception):
    """A policy has a condition that cannot be evaluated here; requests that it restricts are refused."""


class _Operators(dict[str, Any]):
    """Condition operators by name; an unknown one refuses rather than passes."""

    def get(self, name: str, _default: object = None) -> Any:
        if name not in self:
            raise UnknownConditionError(f"the condition operator {name} is not known to the local cloud")
        return self[name]


class StrictProfile:
    """The strict profile, which enforces permissions from `install` on. `tags`: for each of our services, a function
    from (account, region, ARN) to tags.
    """

    def __init__(self, tags: Mapping[str, Callable[[str, str, str], Mapping[str, str]]]) -> None:
        self._tags = tags
        self._ledger = Ledger()
        self._enforce = iam_evaluator.enforce
        self._evaluate = iam_evaluator.evaluate

    def install(self) -> None:
        _take_loopback_for_tls()
        name_every_action()
        tell_event_sources()
        name_log_streams()
        iam_evaluator._CONDITION_OPS = _Operators(iam_evaluator._CONDITION_OPS)
        iam_evaluator.evaluate = self._evaluate_noting
        iam_evaluator.enforce = self._enforce_noting
        app.SERVICE_HANDLERS["s3"] = self._hiding_missing_objects(app.SERVICE_HANDLERS["s3"])
        for service in OURS:
            app.SERVICE_HANDLERS[service] = authorized(service, app.SERVICE_HANDLERS[service], self._tags[service])
        self._check_deliveries()
        app.app = _Page(app.app, self._ledger)

    def _evaluate_noting(self, context: Any, policies: Any, *limits: Any) -> Any:
        seen = _EVALUATED.get()
        if seen is not None:
            seen.append((context, policies))
        return self._evaluate(context, policies, *limits)

    def _enforce_noting(self, key: str, action: str, service: str, region: str, *args: Any, **options: Any) -> Any:
        """Decide as MiniStack does, but refuse what cannot be evaluated; every decision is recorded."""
        token = _EVALUATED.set([])
        try:
            denied = self._enforce(key, _BATCHES.get(action, action), service, region, *args, **options)
        except UnknownConditionError as error:
            denied = iam_evaluator.EvalResult("Deny", reason=str(error))
        finally:
            seen = _EVALUATED.get() or []
            _EVALUATED.reset(token)
        if isinstance(denied, iam_evaluator.AuthError):
            self._refuse(key, action, "*", f"{denied.code}: {denied.message}")
        elif seen:  # the first evaluation is that of the caller's own policies; a root has none
            context, policies = seen[0]
            if denied is None:
                self._ledger.allowed(_matching(context, policies))
            else:
                denied.principal_arn = context.principal_arn
                self._refuse(_role(context.principal_arn), context.action, context.resource_arn, denied.reason)
        return denied

    def _refuse(self, principal: str, action: str, resource: str, reason: str) -> None:
        _LOG.warning("refused: %s %s on %s (%s)", principal, action, resource, reason)
        self._ledger.refused(Refusal(principal, action, resource, reason))

    def _hiding_missing_objects(self, inner: Handler) -> Handler:
        """Answer 403 for a key that does not exist where s3:ListBucket is missing, as S3 does (API reference,
        GetObject, Permissions).

        Such a request has no s3:prefix: a statement that lists below a prefix alone does not help.
        """

        async def handler(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Response:
            answer = await inner(method, path, headers, body, query)
            bucket, _, key = path.lstrip("/").partition("/")
            if answer[0] != 404 or method not in ("GET", "HEAD") or not key:
                return answer
            caller, listed = app.extract_access_key_id(headers, query), f"arn:aws:s3:::{bucket}"
            # Asked of MiniStack itself: the caller did not list, so nothing is written down.
            if self._enforce(caller, "s3:ListBucket", "s3", responses.get_region(), resource_arn=listed) is None:
                return answer
            error = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
            return 403, {"Content-Type": "application/xml"}, b"" if method == "HEAD" else error.encode()

        return handler

    def _check_deliveries(self) -> None:
        """Check EventBridge's deliveries: it calls queues and functions as a service, which their own policies must
        allow.
        """
        invoke = eventbridge._invoke_target

        def invoke_allowed(target: Mapping[str, Any], event: Any, rule: Mapping[str, Any], view: Any = None) -> None:
            arn, source = str(target.get("Arn", "")), str(rule.get("Arn", ""))
            if ":lambda:" in arn:
                found = lambda_svc.function_policy_for_arn(arn)
                allowed = _service_may("lambda:InvokeFunction", arn, found[0] if found else None, source)
                action = "lambda:InvokeFunction"
            else:
                action = "sqs:SendMessage"
                allowed = ":sqs:" not in arn or sqs.queue_policy_allows(
                    arn, "events.amazonaws.com", source, responses.get_account_id()
                )
            if allowed:
                invoke(target, event, rule, view)
            else:
                self._refuse("events.amazonaws.com", action, arn, f"no statement of its policy for {source}")

        eventbridge._invoke_target = invoke_allowed


def _take_loopback_for_tls() -> None:
    """Treat loopback requests as TLS: nothing leaves the machine, and statements about aws:SecureTransport would refuse
    all plain HTTP.
    """
    origin: ContextVar[tuple[str, bool]] = ContextVar("origin", default=("127.0.0.1", True))
    iam_evaluator._request_origin = origin
    app.pin_request_origin = lambda source_ip, _secure: origin.set((source_ip, True))


def _service_may(action: str, resource: str, policy: Any, source: str) -> bool:
    """Whether the resource's own policy admits EventBridge for the rule `source`."""
    account = responses.get_account_id()
    context = iam_evaluator.EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource,
        region=responses.get_region(),
        service_context={"aws:sourcearn": source, "aws:sourceaccount": account},
    )
    result = iam_evaluator.evaluate_resource_policy(policy, context, service="events.amazonaws.com")
    return bool(result.decision == "Allow")


def _matching(context: Any, policies: Any) -> list[Grant]:
    """The grants that allow the request, each with the one pattern of its statement that matches."""
    return [
        Grant(_role(context.principal_arn), action, resource, _text(statement.conditions))
        for statements in policies
        for statement in statements
        if statement.effect == "Allow" and iam_evaluator._conditions_met(statement.conditions, context)
        for action in statement.actions
        if iam_evaluator._action_matches(context.action, [action], [])
        for resource in statement.resources
        if iam_evaluator._resource_matches(context.resource_arn, [resource], [])
    ]


def _granted() -> list[Grant]:
    """Everything that identity policies allow to roles."""
    return [
        Grant(role, action, resource, _text(statement.conditions))
        for role in list(iam._roles)
        for statements in iam_evaluator._gather_role_policies(role, responses.get_account_id())
        for statement in statements
        if statement.effect == "Allow"
        for action in statement.actions
        for resource in statement.resources
    ]


def _text(conditions: Mapping[str, Any]) -> str:
    return json.dumps(conditions, sort_keys=True) if conditions else ""


def _role(arn: str) -> str:
    """The role of a session; other principals unchanged."""
    return arn.split("/")[1] if ":assumed-role/" in arn else arn


class _Page:
    """The ledger's page: `GET` returns what was used and refused, `DELETE` begins anew; everything else goes on to
    MiniStack.
    """

    def __init__(self, inner: Any, ledger: Ledger) -> None:
        self._inner = inner
        self._ledger = ledger

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await self._inner(scope, receive, send)
            return
        report = self._ledger.report(_granted())
        if scope["method"] == "DELETE":
            self._ledger.forget()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(report).encode()})
