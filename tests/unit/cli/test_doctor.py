"""What Service Quotas, Lambda and a refusing AWS lead the doctor to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gridwatch.cli.doctor.account import account_checks
from gridwatch.cli.doctor.checks import Check, Result, looked

TYPE_QUOTA = "ml.g5.xlarge for training job usage"
DEFAULTS = {
    "Number of instances across all training jobs": 4.0,
    "Number of instances across all processing jobs": 4.0,
    TYPE_QUOTA: 0.0,
}


class Account:
    """Stands for the session and for each of its clients."""

    region = "eu-west-1"

    class exceptions:  # noqa: N801  boto3's spelling
        class ParameterNotFound(Exception):  # noqa: N818  boto3's spelling
            pass

    def __init__(
        self, own: dict[str, float] | None = None, version: str | None = "30", concurrency: int = 1000
    ) -> None:
        self._own, self._version, self._concurrency = own or {}, version, concurrency

    def client(self, _: str) -> Any:
        return self

    def get_caller_identity(self) -> Any:
        return {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/me"}

    def get_parameter(self, Name: str) -> Any:  # noqa: N803  boto3's spelling
        if self._version is None:
            raise self.exceptions.ParameterNotFound(Name)
        return {"Parameter": {"Value": self._version}}

    def get_account_settings(self) -> Any:
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self._concurrency}}

    def get_paginator(self, operation: str) -> Any:
        values = self._own if operation == "list_service_quotas" else DEFAULTS

        class Pages:
            def paginate(self, ServiceCode: str) -> Iterator[Any]:  # noqa: N803  boto3's spelling
                assert ServiceCode == "sagemaker"
                for name, value in values.items():
                    yield {"Quotas": [{"QuotaName": name, "Value": value}]}

        return Pages()


def results(account: Account, *types: str) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for check in account_checks(account, types or ("ml.g5.xlarge",)):  # type: ignore[arg-type]
        found.setdefault(check.name, []).append(check.result)
        assert check.advice or check.result is Result.OK
    return found


def test_a_default_of_zero_fails_and_a_value_of_the_accounts_own_goes_before_it() -> None:
    assert results(Account())["training quota"] == [Result.OK, Result.FAILED]
    assert results(Account({TYPE_QUOTA: 2.0}))["training quota"] == [Result.OK, Result.OK]
    assert results(Account(), "ml.nonsense")["training quota"] == [Result.OK, Result.UNKNOWN]


@pytest.mark.parametrize(("version", "result"), [("30", Result.OK), ("5", Result.FAILED), (None, Result.FAILED)])
def test_the_bootstrap_must_be_there_and_new_enough(version: str | None, result: Result) -> None:
    assert results(Account(version=version))["bootstrap"] == [result]


@pytest.mark.parametrize(("concurrency", "result"), [(10, Result.WARNING), (50, Result.OK)])
def test_few_executions_at_one_time_are_a_warning(concurrency: int, result: Result) -> None:
    assert results(Account(concurrency=concurrency))["Lambda concurrency"] == [result]


def test_a_region_without_images_fails() -> None:
    account = Account()
    account.region = "xx-nowhere-1"
    assert results(account)["image"] == [Result.FAILED]


def test_what_aws_does_not_let_us_see_is_unknown_in_its_words_and_what_was_seen_stays() -> None:
    def look() -> Iterator[Check]:
        yield Check("a", Result.OK, "seen")
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetRole")

    seen, refused = looked("b", look)
    assert seen.found == "seen"
    assert (refused.name, refused.result) == ("b", Result.UNKNOWN)
    assert "GetRole was refused: AccessDenied: no" in refused.found
