"""The account's quota of processing instances, and what is made of answers that do not tell it."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from gridwatch.aws.service_quotas import processing_instances

ASKED = {"ServiceCode": "sagemaker", "QuotaCode": "L-F311B08F"}


@pytest.fixture
def stub() -> Iterator[Stubber]:
    client = boto3.client("service-quotas", region_name="eu-west-1", aws_access_key_id="1", aws_secret_access_key="1")
    with Stubber(client) as stub:
        yield stub


def test_the_accounts_own_quota(stub: Stubber) -> None:
    stub.add_response("get_service_quota", {"Quota": {"Value": 20.0}}, ASKED)
    assert processing_instances(stub.client) == 20


def test_the_default_where_the_account_has_none_of_its_own(stub: Stubber) -> None:
    stub.add_client_error("get_service_quota", "NoSuchResourceException", http_status_code=400)
    stub.add_response("get_aws_default_service_quota", {"Quota": {"Value": 4.0}}, ASKED)
    assert processing_instances(stub.client) == 4


@pytest.mark.parametrize(("code", "status"), [("AccessDeniedException", 400), ("ServiceException", 500)])
def test_who_may_not_ask_or_gets_no_answer_does_not_know(stub: Stubber, code: str, status: int) -> None:
    stub.add_client_error("get_service_quota", code, http_status_code=status)
    assert processing_instances(stub.client) is None
