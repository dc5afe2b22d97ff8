"""`gridwatch spec from-job`: a spec in a file, and what is still to be done about it on standard error."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from gridwatch.cli.context import Cloud
from gridwatch.cli.errors import CliError
from gridwatch.cli.spec import app
from tests.fakes.clock import FakeClock
from tests.unit.spec.specs import parsed
from tests.unit.spec.test_from_job import job

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/churn-2024-03-01"


class FakeSageMaker:
    def __init__(self, described: dict[str, Any]) -> None:
        self.described = described

    def describe_training_job(self, **asked: str) -> dict[str, Any]:
        assert asked == {"TrainingJobName": "churn-2024-03-01"}
        return {**self.described, "TrainingJobArn": ARN}

    def list_tags(self, **asked: str) -> dict[str, Any]:
        assert asked == {"ResourceArn": ARN}
        return {"Tags": [{"Key": "project", "Value": "churn"}]}


def run(described: dict[str, Any], *words: str) -> Result:
    session: Any = SimpleNamespace(client=lambda service: FakeSageMaker(described))
    cloud = Cloud(lambda: session, "Gridwatch", FakeClock(), is_named=True)
    wrapped = typer.Typer()

    @wrapped.callback()
    def root(context: typer.Context) -> None:
        context.obj = cloud

    wrapped.add_typer(app, name="spec")
    result = CliRunner().invoke(wrapped, ["spec", "from-job", "churn-2024-03-01", *words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_it_is_written_to_standard_output_or_to_a_new_file(tmp_path: Path) -> None:
    told = run(job())
    assert parsed(told.stdout).spec.tags == {"project": "churn"}
    assert told.stderr == ""
    target = tmp_path / "churn.yaml"
    assert run(job(), "--output", str(target)).stdout == ""
    assert target.read_text() == told.stdout
    with pytest.raises(CliError, match="exists"):
        run(job(), "--output", str(target))


def test_letters_that_are_not_seen_are_shown_by_the_codes_of_yaml() -> None:
    value = "x\u202ey\u200bz"
    result = run(job(HyperParameters={**job()["HyperParameters"], "note": value}))
    assert not set(result.stdout) & set("\u202e\u200b")
    assert yaml.safe_load(result.stdout)["hyperparameters"]["note"] == value


def test_what_keeps_it_from_being_launched_is_told() -> None:
    told = run(job(AlgorithmSpecification={"AlgorithmName": "bought", "TrainingInputMode": "File"}, HyperParameters={}))
    assert "Not carried over: bought of a marketplace" in told.stdout
    two = [{**job()["InputDataConfig"][0], "ChannelName": name} for name in ("train", "train 2")]
    assert "it cannot be launched as it is" in run(job(InputDataConfig=two)).stderr
