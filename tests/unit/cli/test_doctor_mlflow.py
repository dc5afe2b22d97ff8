"""What the doctor says of MLflow on SageMaker, by what SageMaker says of it. Names and states are botocore's."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.stub import Stubber

from gridwatch.cli.doctor.checks import Result
from gridwatch.cli.doctor.mlflow import mlflow_checks

APP = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/app-0A1B"
SERVER = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/team"


class Session:
    """One account whose SageMaker has the answers that it is given."""

    region = "eu-west-1"

    def __init__(self) -> None:
        self.sagemaker = botocore.session.get_session().create_client(
            "sagemaker", "eu-west-1", aws_access_key_id="none", aws_secret_access_key="none"
        )
        self.stub = Stubber(self.sagemaker)
        self.stub.activate()

    def client(self, service: str) -> Any:
        assert service == "sagemaker"
        return self.sagemaker


def told(session: Session, resource: str) -> tuple[Result, str]:
    (check,) = mlflow_checks(session, [resource])  # type: ignore[arg-type]
    assert check.advice or check.result is Result.OK
    session.stub.assert_no_pending_responses()
    return check.result, check.found


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("Created", Result.OK),
        ("Updating", Result.WARNING),
        ("DeleteFailed", Result.FAILED),
    ],
)
def test_an_app_is_asked_for_by_its_arn(status: str, result: Result) -> None:
    session = Session()
    session.stub.add_response("describe_mlflow_app", {"Status": status, "MlflowVersion": "3.10"}, {"Arn": APP})
    assert told(session, APP) == (result, f"{APP} is {status}, MLflow 3.10")


@pytest.mark.parametrize(("status", "result"), [("Started", Result.OK), ("Stopped", Result.FAILED)])
def test_a_tracking_server_is_asked_for_by_its_name(status: str, result: Result) -> None:
    session = Session()
    answer = {"TrackingServerStatus": status}
    session.stub.add_response("describe_mlflow_tracking_server", answer, {"TrackingServerName": "team"})
    assert told(session, SERVER) == (result, f"{SERVER} is {status}")


def test_what_is_not_there_or_elsewhere_or_not_to_be_seen_is_told() -> None:
    session = Session()
    session.stub.add_client_error("describe_mlflow_app", "ResourceNotFound", "no such app")
    assert told(session, APP) == (Result.FAILED, f"there is no {APP}")
    session.stub.add_client_error("describe_mlflow_app", "AccessDeniedException", "not you")
    assert told(session, APP)[0] is Result.UNKNOWN
    other = APP.replace("eu-west-1", "us-east-1")
    assert told(session, other) == (Result.FAILED, f"{other} is in us-east-1, not in eu-west-1")
    assert told(session, "app-0A1B") == (Result.FAILED, "app-0A1B is no ARN of MLflow's")
