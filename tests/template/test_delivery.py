"""Nothing asynchronous is lost in silence: retries and dead-letter queues, for all that the template holds."""

from __future__ import annotations

from collections.abc import Callable

from start_trials.round import CLAIM_LASTS, RESERVE_SECONDS
from tests.template.synthesized import Synthesized

FOURTEEN_DAYS = 14 * 24 * 3600


def queue_of(reference: str) -> str:
    return reference.removeprefix("arn:of:")


def test_every_rule_target_retries_and_has_a_dead_letter_queue(synthesized: Synthesized) -> None:
    queues = synthesized.of_type("AWS::SQS::Queue")
    rules = dict(synthesized.rules())
    assert rules
    for name, rule in rules.items():
        assert rule["Targets"], name
        for target in rule["Targets"]:
            assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}, name
            dead_letters = queues[queue_of(target["DeadLetterConfig"]["Arn"])]
            assert dead_letters["MessageRetentionPeriod"] == FOURTEEN_DAYS
            assert not dead_letters.get("FifoQueue")  # EventBridge takes none as a dead-letter queue


def test_every_dead_letter_queue_of_a_rule_lets_it_in(synthesized: Synthesized) -> None:
    allowed = {
        statement["Condition"]["ArnEquals"]["aws:SourceArn"]
        for policy in synthesized.of_type("AWS::SQS::QueuePolicy").values()
        if "UndeliveredEvents" in policy["Queues"][0]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow" and statement["Action"] == "sqs:SendMessage"
    }
    assert allowed == {f"arn:of:{rule}" for rule in synthesized.of_type("AWS::Events::Rule")}


def test_every_function_is_entered_by_a_queue_or_has_a_failure_destination(synthesized: Synthesized) -> None:
    from_queue = {
        mapping["FunctionName"] for mapping in synthesized.of_type("AWS::Lambda::EventSourceMapping").values()
    }
    configured = synthesized.of_type("AWS::Lambda::EventInvokeConfig").values()
    directly = {
        configuration["FunctionName"]
        for configuration in configured
        if "FailedInvocations" in configuration["DestinationConfig"]["OnFailure"]["Destination"]
        and configuration["MaximumRetryAttempts"] == 2
    }
    # That which runs users' code is called by a function that waits for its answer, and nothing else.
    functions = {each.logical_id for each in synthesized.functions.values() if each.name != "run_custom_rule"}
    assert from_queue | directly == functions
    assert from_queue & directly == set()


def test_functions_that_eventbridge_invokes_have_the_destination(synthesized: Synthesized) -> None:
    targets = {target["Arn"] for _, rule in synthesized.rules() for target in rule["Targets"]}
    invoked = {
        function.name for function in synthesized.functions.values() if f"arn:of:{function.logical_id}" in targets
    }
    assert invoked == {"launch_grid", "sweep"}


def test_every_queue_that_is_read_gives_up_into_its_dead_letter_queue(synthesized: Synthesized) -> None:
    queues = synthesized.of_type("AWS::SQS::Queue")
    timeouts = {function.logical_id: function.properties["Timeout"] for function in synthesized.functions.values()}
    mappings = synthesized.of_type("AWS::Lambda::EventSourceMapping").values()
    assert len({mapping["EventSourceArn"] for mapping in mappings}) == len(list(mappings)) == 8
    for mapping in mappings:
        queue = queues[queue_of(mapping["EventSourceArn"])]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5
        dead_letters = queues[queue_of(queue["RedrivePolicy"]["deadLetterTargetArn"])]
        assert dead_letters["MessageRetentionPeriod"] == FOURTEEN_DAYS
        assert dead_letters.get("FifoQueue") == queue.get("FifoQueue")
        # A message must stay hidden while a function still works on it, or it is worked on twice.
        assert queue["VisibilityTimeout"] > timeouts[mapping["FunctionName"]]


def test_tensors_wait_for_a_window_only_where_the_deployment_wants_it(
    synthesized: Synthesized, synthesize: Callable[..., Synthesized]
) -> None:
    def windows(found: Synthesized) -> dict[str, int | None]:
        mappings = found.of_type("AWS::Lambda::EventSourceMapping").values()
        return {
            found.of_type("AWS::SQS::Queue")[queue_of(mapping["EventSourceArn"])]["QueueName"]: mapping.get(
                "MaximumBatchingWindowInSeconds"
            )
            for mapping in mappings
        }

    assert windows(synthesized)["gridwatch-evaluate"] is None
    assert windows(synthesize(evaluate_window_seconds=20))["gridwatch-evaluate"] == 20


def test_no_two_functions_share_a_queue_to_read(synthesized: Synthesized) -> None:
    read = [mapping["EventSourceArn"] for mapping in synthesized.of_type("AWS::Lambda::EventSourceMapping").values()]
    assert len(set(read)) == len(read)


def test_launching_is_one_at_a_time(synthesized: Synthesized) -> None:
    """A FIFO queue with one message group: Lambda holds one batch of a group at a time."""
    (start,) = [
        queue
        for queue in synthesized.of_type("AWS::SQS::Queue").values()
        if queue["QueueName"] == "gridwatch-start.fifo"
    ]
    assert start["FifoQueue"] is True
    assert start["VisibilityTimeout"] <= 120, "a launcher that dies keeps the next one out for as long"
    seconds = synthesized.functions["start_trials"].properties["Timeout"]
    assert seconds > RESERVE_SECONDS + CLAIM_LASTS.total_seconds(), "a round sees out the claims of one that died"
    groups = {
        target["SqsParameters"]["MessageGroupId"]
        for _, rule in synthesized.rules()
        for target in rule["Targets"]
        if "SqsParameters" in target
    }
    assert groups == {"gridwatch"}


def test_an_upload_is_free_again_before_lambda_tries_for_the_last_time(synthesized: Synthesized) -> None:
    """Idempotency holds an upload for as long as a call that died might have lasted; the tries span three minutes."""
    assert synthesized.functions["launch_grid"].properties["Timeout"] < 180 - 60


def test_queues_and_topic_take_nothing_without_tls(synthesized: Synthesized) -> None:
    policies = [
        *synthesized.of_type("AWS::SQS::QueuePolicy").values(),
        *synthesized.of_type("AWS::SNS::TopicPolicy").values(),
    ]
    guarded = {
        name
        for policy in policies
        for name in policy.get("Queues", policy.get("Topics", []))
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }
    resources = {**synthesized.of_type("AWS::SQS::Queue"), **synthesized.of_type("AWS::SNS::Topic")}
    names = {synthesized.resolve({"Ref": name}) for name in resources}
    assert guarded == names


def test_chats_read_a_topic_that_nobody_else_reads_and_may_do_nothing(synthesized: Synthesized) -> None:
    topics = synthesized.of_type("AWS::SNS::Topic")
    (chat,) = [name for name, topic in topics.items() if topic["TopicName"] == "gridwatch-alerts-chat"]
    (slack,) = synthesized.of_type("AWS::Chatbot::SlackChannelConfiguration").values()
    (teams,) = synthesized.of_type("AWS::Chatbot::MicrosoftTeamsChannelConfiguration").values()
    assert slack["SnsTopicArns"] == [synthesized.resolve({"Ref": chat})]
    assert teams["SnsTopicArns"] == slack["SnsTopicArns"]
    assert synthesized.statements(slack["IamRoleArn"].removeprefix("arn:of:")) == []
    environment = synthesized.functions["deliver_alert"].environment
    assert environment["ALERT_TOPIC_ARN"] == "gridwatch-alerts"
    assert environment["CHAT_TOPIC_ARN"] == "gridwatch-alerts-chat"


def test_webhooks_are_read_from_the_secrets_that_are_named_alone(synthesized: Synthesized) -> None:
    role = synthesized.role_of(synthesized.functions["post_webhook"])
    (reading,) = [each for each in synthesized.statements(role) if "secretsmanager:GetSecretValue" in each["Action"]]
    account = "arn:aws:secretsmanager:eu-west-1:123456789012:secret"
    secrets = {f"{account}:slack-AbCdEf", f"{account}:incident-AbCdEf"}
    assert set(reading["Resource"]) == secrets
    (decrypting,) = [each for each in synthesized.statements(role) if each["Action"] == ["kms:Decrypt"]]
    assert set(decrypting["Condition"]["StringEquals"]["kms:EncryptionContext:SecretARN"]) == secrets
