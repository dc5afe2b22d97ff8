"""What each role may do: the whole list of actions, and nothing without bounds."""

from __future__ import annotations

import json

import pytest

from tests.template.conftest import Synthesize
from tests.template.synthesized import Synthesized

STATE = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"}
IDEMPOTENCY = {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
LAMBDA = LOGS | {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
READS_QUEUE = {
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
}
SENDS = {"sqs:SendMessage"}
# What the CDK allows for the destination of invocations that failed for good.
FAILS_TO_QUEUE = {"sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"}

ACTIONS = {
    "launch_grid": {"s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject"}
    | {"ecr:BatchGetImage"}
    | STATE
    | {"servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetServiceQuota"}
    | IDEMPOTENCY
    | SENDS
    | FAILS_TO_QUEUE,
    "start_trials": {
        "iam:PassRole",
        "s3:GetObject",
        "sagemaker:AddTags",
        "sagemaker:CreateExperiment",
        "sagemaker:CreateHyperParameterTuningJob",
        "sagemaker:CreateTrainingJob",
        "sagemaker:CreateTrial",
        "sagemaker:CreateTrialComponent",
        "sagemaker:DescribeHyperParameterTuningJob",
        "sagemaker:DescribeTrainingJob",
        "sagemaker:DescribeTrial",
        "sagemaker:ListTags",
    }
    | STATE
    | SENDS
    | READS_QUEUE,
    "track_job": {
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sagemaker:AssociateTrialComponent",
        "sagemaker:DescribeTrainingJob",
        "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
    }
    | STATE
    | SENDS
    | READS_QUEUE,
    "evaluate_rules": {
        "events:PutEvents",
        "logs:DescribeLogStreams",
        "logs:GetLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
    }
    | STATE
    | SENDS
    | READS_QUEUE,
    "evaluate_slow_rules": {
        "s3:GetObject",
        "s3:PutObject",
        "s3:ListBucket",
        "events:PutEvents",
        "lambda:InvokeFunction",
    }
    | STATE
    | READS_QUEUE,
    "run_custom_rule": {"s3:GetObject", "s3:ListBucket"},
    "react_to_finding": {
        "dynamodb:UpdateItem",
        "s3:GetObject",
        "s3:ListBucket",
        "sagemaker:AddTags",
        "sagemaker:DescribeTrainingJob",
        "sagemaker:ListTags",
        "sagemaker:StopTrainingJob",
    }
    | STATE
    | SENDS
    | READS_QUEUE,
    "deliver_alert": {"s3:GetObject", "sns:Publish"} | STATE | SENDS | READS_QUEUE,
    "post_webhook": {"kms:Decrypt", "secretsmanager:GetSecretValue"} | SENDS | READS_QUEUE,
    "snapshot_experiment": {"s3:GetObject", "s3:PutObject", "s3:ListBucket", "sagemaker:Search", "sqs:SendMessage"}
    | STATE
    | READS_QUEUE,
    "sweep": {
        "dynamodb:UpdateItem",
        "events:PutEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sagemaker:DescribeHyperParameterTuningJob",
        "sagemaker:DescribeTrainingJob",
        "sagemaker:ListTags",
        "sagemaker:ListTrainingJobs",
        "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
        "sagemaker:Search",
    }
    | STATE
    | SENDS
    | FAILS_TO_QUEUE,
}
# Actions that know no resources; the conditions say what confines them instead.
UNBOUNDED = {
    "xray:PutTelemetryRecords": None,
    "xray:PutTraceSegments": None,
    "sagemaker:ListTrainingJobs": None,
    "sagemaker:Search": None,
    "servicequotas:GetAWSDefaultServiceQuota": None,
    "servicequotas:GetServiceQuota": None,
    "ecr:GetAuthorizationToken": None,
    "cloudwatch:PutMetricData": {"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", "aws/sagemaker/*"]}},
}


def actions_of(synthesized: Synthesized, role: str) -> set[str]:
    return {action for statement in synthesized.statements(role) for action in statement["Action"]}


@pytest.mark.parametrize("function", ACTIONS)
def test_each_function_may_do_what_it_needs_and_no_more(synthesized: Synthesized, function: str) -> None:
    role = synthesized.role_of(synthesized.functions[function])
    assert actions_of(synthesized, role) == ACTIONS[function] | (LOGS if function == "run_custom_rule" else LAMBDA)


def test_users_code_reads_tensors_and_code_and_nothing_else(synthesized: Synthesized) -> None:
    role = synthesized.role_of(synthesized.functions["run_custom_rule"])
    may = {
        (action, resource, json.dumps(statement.get("Condition")))
        for statement in synthesized.statements(role)
        for action in statement["Action"]
        if action not in LOGS
        for resource in statement["Resource"]
    }
    artifacts = "arn:aws:s3:::gridwatch-artifacts-123456789012-eu-west-1"
    experiments = "arn:aws:s3:::gridwatch-experiments-123456789012-eu-west-1"
    assert may == {
        ("s3:GetObject", f"{artifacts}/tensors/*", "null"),
        ("s3:ListBucket", artifacts, '{"StringLike": {"s3:prefix": ["tensors/*"]}}'),
        ("s3:GetObject", f"{experiments}/code/*", "null"),
        ("s3:GetObject", "arn:aws:s3:::reviewed-code/rules/*", "null"),
    }


def test_one_function_runs_users_code(synthesized: Synthesized) -> None:
    (statement,) = [
        statement
        for role in synthesized.of_type("AWS::IAM::Role")
        for statement in synthesized.statements(role)
        if "lambda:InvokeFunction" in statement["Action"]
    ]
    assert statement["Resource"] == [f"arn:of:{synthesized.functions['run_custom_rule'].logical_id}"]
    slow = synthesized.role_of(synthesized.functions["evaluate_slow_rules"])
    assert statement in synthesized.statements(slow)


def test_users_code_may_decrypt_and_not_encrypt(synthesize: Synthesize) -> None:
    made = synthesize(create_kms_key=True, custom_rule_sources="code/")
    role = made.role_of(made.functions["run_custom_rule"])
    assert {action for action in actions_of(made, role) if action.startswith("kms:")} == {"kms:Decrypt"}


def test_every_function_is_in_the_list(synthesized: Synthesized) -> None:
    assert set(synthesized.functions) == set(ACTIONS)


def test_each_function_has_a_role_of_its_own(synthesized: Synthesized) -> None:
    roles = [synthesized.role_of(function) for function in synthesized.functions.values()]
    assert len(set(roles)) == len(roles)


def test_no_role_has_a_managed_policy(synthesized: Synthesized) -> None:
    assert [role for role in synthesized.of_type("AWS::IAM::Role").values() if role.get("ManagedPolicyArns")] == []


def test_nothing_is_allowed_without_bounds(synthesized: Synthesized) -> None:
    for policy in synthesized.of_type("AWS::IAM::Policy").values():
        for statement in synthesized.statements(policy["Roles"][0]):
            for action in statement["Action"]:
                assert "*" not in action
                if "*" in statement["Resource"]:
                    assert action in UNBOUNDED
                    assert statement.get("Condition") == UNBOUNDED[action]


def test_only_the_job_role_can_be_passed_and_only_to_sagemaker(synthesized: Synthesized) -> None:
    passing = [
        statement
        for role in synthesized.of_type("AWS::IAM::Role")
        for statement in synthesized.statements(role)
        if "iam:PassRole" in statement["Action"]
    ]
    (statement,) = passing
    assert statement["Resource"] == [synthesized.resolve(synthesized.raw["Outputs"]["JobRole"]["Value"])]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_what_specs_may_name_is_given_to_the_launcher_and_to_the_jobs(synthesize: Synthesize) -> None:
    role, key = "arn:aws:iam::123456789012:role/train-*", "arn:aws:kms:eu-west-1:123456789012:key/0a1b"
    made = synthesize(allowed_in_specs=f"{role},{key},subnet-0a1b2c3d")
    assert made.functions["launch_grid"].environment["ALLOWED_IN_SPECS"] == f"{role},{key},subnet-0a1b2c3d"
    (passing,) = [
        statement
        for name in made.of_type("AWS::IAM::Role")
        for statement in made.statements(name)
        if "iam:PassRole" in statement["Action"]
    ]
    assert role in passing["Resource"]
    assert len(passing["Resource"]) == 2
    jobs = next(name for name in made.of_type("AWS::IAM::Role") if "JobRole" in name)
    granted = {action: statement["Resource"] for statement in made.statements(jobs) for action in statement["Action"]}
    assert granted["kms:GenerateDataKey"] == [key]
    assert "ec2:CreateNetworkInterface" in granted
    assert synthesize().functions["launch_grid"].environment["ALLOWED_IN_SPECS"] == ""


def test_jobs_write_into_the_mlflow_that_specs_may_name_and_into_no_other(synthesize: Synthesize) -> None:
    here = "arn:aws:sagemaker:eu-west-1:123456789012"
    app, server = f"{here}:mlflow-app/app-0A1B", f"{here}:mlflow-tracking-server/team-*"

    def granted(**settings: str) -> dict[str, set[str]]:
        made = synthesize(**settings)
        role = next(name for name in made.of_type("AWS::IAM::Role") if "JobRole" in name)
        found: dict[str, set[str]] = {}
        for statement in made.statements(role):
            for action in (each for each in statement["Action"] if "mlflow" in each.lower()):
                found.setdefault(action, set()).update(statement["Resource"])
        return found

    both = granted(allowed_in_specs=f"{app},{server}")
    assert both["sagemaker:CallMlflowAppApi"] == {app}
    assert both["sagemaker:DescribeMlflowTrackingServer"] == {server}
    assert both["sagemaker-mlflow:CreateRun"] == both["sagemaker-mlflow:LogBatch"] == {app, server}
    assert not any("Delete" in action or "Registered" in action for action in both)
    assert granted(allowed_in_specs=server)["sagemaker-mlflow:CreateRun"] == {server}
    assert granted() == {}


def test_jobs_are_stopped_by_one_function_and_by_prefix_or_tag(synthesized: Synthesized) -> None:
    stopping = [
        (role, statement["Resource"], statement.get("Condition"))
        for role in synthesized.of_type("AWS::IAM::Role")
        for statement in synthesized.statements(role)
        if "sagemaker:StopTrainingJob" in statement["Action"]
    ]
    react = synthesized.role_of(synthesized.functions["react_to_finding"])
    jobs = "arn:aws:sagemaker:eu-west-1:123456789012:training-job"
    assert stopping == [
        (react, [f"{jobs}/gridwatch-*"], None),
        (react, [f"{jobs}/*"], {"Null": {"aws:ResourceTag/gridwatch:watch": "false"}}),
    ]


def test_tuning_jobs_are_created_by_the_launcher_alone_and_reached_by_prefix(synthesized: Synthesized) -> None:
    creating = []
    for role in synthesized.of_type("AWS::IAM::Role"):
        for statement in synthesized.statements(role):
            if any("HyperParameterTuningJob" in action for action in statement["Action"]):
                (resource,) = statement["Resource"]
                assert resource.endswith(":hyper-parameter-tuning-job/gridwatch-*")
            if "sagemaker:CreateHyperParameterTuningJob" in statement["Action"]:
                creating.append(role)
    assert creating == [synthesized.role_of(synthesized.functions["start_trials"])]


def test_jobs_of_others_are_reached_only_while_they_carry_the_tag(synthesized: Synthesized) -> None:
    for role in synthesized.of_type("AWS::IAM::Role"):
        for statement in synthesized.statements(role):
            if any(resource.endswith(":training-job/*") for resource in statement["Resource"]):
                assert statement["Condition"] == {"Null": {"aws:ResourceTag/gridwatch:watch": "false"}}


def test_training_jobs_read_data_and_write_only_tensors_and_models(synthesized: Synthesized) -> None:
    role = next(name for name in synthesized.of_type("AWS::IAM::Role") if "JobRole" in name)
    objects = {
        (action, resource)
        for statement in synthesized.statements(role)
        for action in statement["Action"]
        if action.startswith("s3:")
        for resource in statement["Resource"]
    }
    source = synthesized.functions["launch_grid"].environment["XGBOOST_SOURCE_URI"].removeprefix("s3://")
    experiments = "arn:aws:s3:::gridwatch-experiments-123456789012-eu-west-1"
    artifacts = "arn:aws:s3:::gridwatch-artifacts-123456789012-eu-west-1"
    assert objects == {
        ("s3:GetObject", f"{experiments}/data/*"),
        ("s3:GetObject", f"{experiments}/code/sources/*"),
        ("s3:GetObject", f"{artifacts}/checkpoints/*"),
        ("s3:GetObject", f"{artifacts}/hook/*"),
        ("s3:GetObject", f"{artifacts}/models/*"),
        ("s3:GetObject", f"{artifacts}/tensors/*"),
        # Of rules that Debugger evaluates, as the fixture's deployment allows.
        ("s3:GetObject", "arn:aws:s3:::reviewed-code/rules/*"),
        ("s3:GetObject", f"{experiments}/code/*"),
        ("s3:GetObject", f"arn:aws:s3:::{source}"),
        ("s3:DeleteObject", f"{artifacts}/tensors/*/training_job_end.ts"),
        ("s3:ListBucket", experiments),
        ("s3:ListBucket", artifacts),
        ("s3:PutObject", f"{artifacts}/checkpoints/*"),
        ("s3:PutObject", f"{artifacts}/tensors/*"),
        ("s3:PutObject", f"{artifacts}/models/*"),
    }


def test_debuggers_rules_run_in_the_role_of_the_jobs_and_may_not_do_what_reacting_does(synthesize: Synthesize) -> None:
    made = synthesize(custom_rule_sources="code/rules/")
    role = next(name for name in made.of_type("AWS::IAM::Role") if "JobRole" in name)
    granted = [
        (action, resource)
        for statement in made.statements(role)
        for action in statement["Action"]
        for resource in statement["Resource"]
    ]
    here = "eu-west-1:123456789012"
    assert ("logs:PutLogEvents", f"arn:aws:logs:{here}:log-group:/aws/sagemaker/ProcessingJobs:*") in granted
    assert ("ecr:BatchGetImage", "arn:aws:ecr:eu-west-1:*:repository/sagemaker-debugger-rules") in granted
    assert ("ecr:BatchGetImage", "arn:aws:ecr:eu-west-1:*:repository/sagemaker-debugger-rule-evaluator") in granted
    assert ("s3:GetObject", "arn:aws:s3:::gridwatch-experiments-123456789012-eu-west-1/code/rules/*") in granted
    assert not [action for action, _ in granted if action.startswith(("sagemaker:", "sns:", "iam:"))]


def test_no_function_updates_training_jobs(synthesized: Synthesized) -> None:
    for role in synthesized.of_type("AWS::IAM::Role"):
        for statement in synthesized.statements(role):
            assert "sagemaker:UpdateTrainingJob" not in statement["Action"]


def test_only_specs_data_and_status_of_the_experiments_bucket_are_touched(synthesized: Synthesized) -> None:
    role = synthesized.role_of(synthesized.functions["launch_grid"])
    written = {
        resource
        for statement in synthesized.statements(role)
        if {"s3:PutObject", "s3:DeleteObject"} & set(statement["Action"])
        for resource in statement["Resource"]
    }
    bucket = "arn:aws:s3:::gridwatch-experiments-123456789012-eu-west-1"
    hook = "arn:aws:s3:::gridwatch-artifacts-123456789012-eu-west-1/hook/*"  # and of the other bucket the hook alone
    assert written == {f"{bucket}/status/*", f"{bucket}/data/windows/*", f"{bucket}/fingerprints/*", hook}


def test_events_are_put_under_our_own_source_only(synthesized: Synthesized) -> None:
    for function in ("evaluate_rules", "evaluate_slow_rules", "sweep"):
        (statement,) = [
            statement
            for statement in synthesized.statements(synthesized.role_of(synthesized.functions[function]))
            if "events:PutEvents" in statement["Action"]
        ]
        assert statement["Condition"] == {"StringEquals": {"events:source": "gridwatch"}}
