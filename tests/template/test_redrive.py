"""Whatever the template can give up is known to `gridwatch redrive`, and leads back to where it was to be done."""

from __future__ import annotations

import json

from gridwatch.cli.redrive import Destination, Letter, destination
from tests.template.synthesized import Synthesized

PREFIX = "gridwatch"
BODY = '{"a": "message"}'


def queues(synthesized: Synthesized) -> dict[str, str]:
    """Names by logical id."""
    return {name: str(each["QueueName"]) for name, each in synthesized.of_type("AWS::SQS::Queue").items()}


def origin(queue: str) -> str:
    """As `gridwatch redrive` calls it."""
    return queue.removeprefix(f"{PREFIX}-").removesuffix(".fifo")


def dead(reference: str) -> str:
    return reference.removeprefix("arn:of:")


def test_the_dead_letters_of_each_queue_go_back_into_it(synthesized: Synthesized) -> None:
    names = queues(synthesized)
    read = {
        name: names[dead(each["RedrivePolicy"]["deadLetterTargetArn"])]
        for each in synthesized.of_type("AWS::SQS::Queue").values()
        if "RedrivePolicy" in each
        for name in [str(each["QueueName"])]
    }
    assert len(read) == len(synthesized.of_type("AWS::Lambda::EventSourceMapping"))
    for queue, letters in read.items():
        to = destination(Letter(origin(letters), BODY, {}, "1"), PREFIX)
        assert to == Destination(BODY, queue=queue.removesuffix(".fifo"))


def test_each_failed_invocation_goes_back_to_its_function(synthesized: Synthesized) -> None:
    names = queues(synthesized)
    configured = synthesized.of_type("AWS::Lambda::EventInvokeConfig").values()
    assert configured
    for each in configured:
        letters = names[dead(each["DestinationConfig"]["OnFailure"]["Destination"])]
        arn = f"arn:aws:lambda:eu-west-1:123456789012:function:{each['FunctionName']}"
        record = {"requestPayload": json.loads(BODY), "requestContext": {"functionArn": f"{arn}:$LATEST"}}
        to = destination(Letter(origin(letters), json.dumps(record), {}, "1"), PREFIX)
        assert to == Destination(BODY, function=arn)


def test_each_event_that_could_not_be_handed_over_goes_to_its_target(synthesized: Synthesized) -> None:
    names = queues(synthesized)
    for _, rule in synthesized.rules():
        for target in rule["Targets"]:
            letters = names[dead(target["DeadLetterConfig"]["Arn"])]
            name = names.get(dead(target["Arn"]))
            kind = f"sqs:eu-west-1:123456789012:{name}" if name else "lambda:eu-west-1:123456789012:function:one"
            letter = Letter(origin(letters), BODY, {"TARGET_ARN": f"arn:aws:{kind}"}, "1")
            to = destination(letter, PREFIX)
            assert (to.queue, to.function) == (
                (name.removesuffix(".fifo"), None) if name else (None, f"arn:aws:{kind}")
            )


def test_no_dead_letters_lie_anywhere_else(synthesized: Synthesized) -> None:
    """Each queue is read by a function, or holds dead letters of one of the three kinds."""
    named = queues(synthesized)
    read = {dead(each["EventSourceArn"]) for each in synthesized.of_type("AWS::Lambda::EventSourceMapping").values()}
    for logical_id, name in named.items():
        known = origin(name).endswith("-dead") or origin(name) in ("undelivered-events", "failed-invocations")
        assert (logical_id in read) != known, name
