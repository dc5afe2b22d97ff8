"""A plan is for the deployment within reach, with the names its upload leads to; or for none, and says so."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from gridwatch.cli import launch_site
from gridwatch.cli.launch_site import Nowhere
from gridwatch.cli.main import app
from gridwatch.cli.plan import _machines
from gridwatch.spec.parse import parse_spec
from gridwatch_rules.failures import PermanentError
from gridwatch_rules.judgement.expected import EXPECTED
from gridwatch_rules.judgement.stopping import Stopping
from tests.unit.launch.test_requests import planned

SPEC = """
name: blobs
objective: {metric: validation-error, direction: minimize}
algorithm: {name: xgboost, version: 3.2-0}
data:
  train: {uri: blobs/train.csv, content_type: text/csv}
  validation: {uri: blobs/validation.csv, content_type: text/csv}
hyperparameters: {objective: "binary:logistic", eval_metric: error, num_round: 10}
grid: {max_depth: [2, 8]}
"""


class Bucket:
    def __init__(self, etags: dict[str, str] | None) -> None:
        self._etags = etags

    def etags(self, uri: str) -> dict[str, str]:
        if self._etags is None:
            raise PermanentError("no", code="AccessDenied")
        return {key: etag for key, etag in self._etags.items() if uri.endswith(key)}


@pytest.mark.parametrize("bucket", [Bucket({}), Bucket(None)], ids=["empty", "not readable"])
def test_data_that_is_not_there_or_may_not_be_read_is_no_data(bucket: Bucket) -> None:
    assert launch_site._etags(bucket, "s3://e/data/blobs/train.csv") == {}  # type: ignore[arg-type]


def test_without_a_deployment_the_plan_says_that_its_names_are_not_final() -> None:
    site = Nowhere.create("eu-west-1")
    parsed = parse_spec(SPEC.encode(), today=date(2026, 11, 21))
    assert site.etags(parsed) == {"train": {}, "validation": {}}
    assert site.deployment.region == "eu-west-1"
    assert "placeholders" in site.note


@pytest.mark.parametrize(
    ("resources", "grid", "expected"),
    [
        ("{instance_count: 2}", "{a: [1, 2]}", "2 x ml.m5.large"),
        ("{}", "{resources.instance_type: [ml.c5.xlarge, ml.m5.xlarge]}", "1 x ml.c5.xlarge or ml.m5.xlarge"),
        ("{groups: {a: {instance_type: ml.c5.xlarge, instance_count: 2}, b: {instance_type: ml.g5.xlarge}}}",
         "{a: [1]}", "2 x ml.c5.xlarge + 1 x ml.g5.xlarge"),
    ],
)  # fmt: skip
def test_the_plan_names_the_machines_that_the_jobs_get(resources: str, grid: str, expected: str) -> None:
    spec = f"""
name: machines
objective: {{metric: loss, direction: minimize}}
algorithm: {{framework: pytorch, version: "2.10", entry_point: train.py, metrics: {{loss: "(.)"}}}}
resources: {resources}
grid: {grid}
"""
    assert _machines(planned(spec)) == expected


SCRIPT = """
name: plain
objective: {metric: loss, direction: minimize}
algorithm: {framework: pytorch, version: "2.10", source: ., entry_point: train.py, metrics: {loss: "loss=([0-9.]+)"}}
grid: {lr: [0.1]}
"""


@pytest.mark.parametrize(
    ("script", "more", "line"),
    [
        ("import torch\n", "", "hook: version "),
        ("from gridwatch_hook.pytorch import PyTorchHook\n", "", "hook: the script's own ("),
        ("import torch\n", "hook: off\n", "hook: none (hook: off)"),
    ],
)  # fmt: skip
def test_the_plan_says_what_will_be_seen_of_the_jobs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, script: str, more: str, line: str
) -> None:
    (tmp_path / "train.py").write_text(script)
    path = tmp_path / "plain.yaml"
    path.write_text(SCRIPT + more)
    app(["plan", str(path)], standalone_mode=False)
    shown = capsys.readouterr().out
    assert f"\n{line}" in shown
    assert "\n  seen: " in shown
    app(["plan", str(path), "--json"], standalone_mode=False)
    (told,) = json.loads(capsys.readouterr().out)["hook"]
    assert told["brought"] in ("carried", "own", "none")
    assert told["sees"]


def test_a_rule_without_parameters_has_no_brackets(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "blobs.yaml"
    path.write_text(
        f"{SPEC}rules:\n  - {{rule: MetricNonFinite, on_issue: stop}}\n"
        "  - {rule: MetricPlateau, parameters: {patience: 3}, on_issue: alert}\n"
    )
    app(["plan", str(path)], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "rule MetricNonFinite: stop on an issue\n" in shown
    assert "rule MetricPlateau: alert on an issue (patience = 3)\n" in shown


def test_the_plan_says_what_to_expect_of_the_dial(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "blobs.yaml"
    path.write_text(f"{SPEC}stopping: cautious\n")
    app(["plan", str(path)], standalone_mode=False)
    shown = " ".join(capsys.readouterr().out.split())
    assert "rule stopping: stop on an issue (stopping = cautious)" in shown
    assert EXPECTED[Stopping.CAUTIOUS].sentence() in shown
    assert "saved / killed in %: autoencoders 66 / 0; boosted trees 58 / 0;" in shown
    app(["plan", str(path), "--json"], standalone_mode=False)
    (rule,) = json.loads(capsys.readouterr().out)["rules"]
    assert rule["expected"]["kinds"]["reinforcement learning"] == [20.5, 1.6]
