"""At every limit at once, from the file to the tables: long names, many hyperparameters, long values, unicode."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gridwatch.alerts.content import trial_failed
from gridwatch.alerts.text import LONGEST_BODY
from gridwatch.domain.trials import TrialState
from gridwatch.spec.reading import MAX_BYTES
from gridwatch.tables import rows, schemas
from gridwatch.tables.parquet import write_parquet
from tests.unit.alerts.rendering import renderings
from tests.unit.functions.test_handlers import EVENTS, Account, Context, account
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.service_model import faults
from tests.unit.launch.test_requests import planned, requests
from tests.unit.spec.specs import parsed
from tests.unit.tables.facts_of import NOON, STAMP, a_trial, some_facts

__all__ = ["account"]  # the fixture

SIGNS = "名ü😀é"
# API reference, CreateTrainingJob: 100 hyperparameters (five are script mode's), keys of 256, values of 2,500.
NAMES = [f"p{number:02d}-" + "n" * 251 for number in range(90)]
MEGABYTE = 1_024 * 1_024  # an event of EventBridge and a message of SQS since January 2026


def text(length: int) -> str:
    return (SIGNS * length)[:length]


def document(*, value: str = "v" * 2_498) -> dict[str, Any]:
    """Of a script of one's own: 95 of the longest hyperparameters, of which five are searched; as JSON, in which
    they are measured, values have two quotation marks more.
    """
    factors = [f"g{number}-" + "n" * 253 for number in range(5)]
    return {
        "name": "n" * 64,
        "hypothesis": text(1_000),
        "owner": "o" * 256,
        "team": "t" * 256,
        "tags": {f"k{number}" + "x" * 120: "v" * 256 for number in range(36)},
        "objective": {"metric": "loss", "direction": "minimize"},
        "algorithm": {
            "framework": "pytorch", "version": "2.10", "source": "code", "entry_point": "train.py",
            "metrics": {"loss": "loss=([0-9.]+)", **{f"m{n}": f"m{n}=([0-9.]+)" for n in range(39)}},
        },
        "data": {f"c{number}" + "d" * 61: {"uri": f"d/{number}"} for number in range(19)},
        "hyperparameters": dict.fromkeys(NAMES, value),
        "grid": {factors[0]: [value[:-1] + end for end in "ab"]} | {name: [value] for name in factors[1:]},
        "collect": {f"collection{n}" + "c" * 240: {"include_regex": "r" * 256, "save_interval": 1} for n in range(20)},
        "rules": [
            {"rule": "LossNotDecreasing", "name": f"r{n}" + "n" * 61, "parameters": {"num_steps": 2 + n}}
            for n in range(20)
        ],
    }  # fmt: skip


def of_an_image(value: str) -> dict[str, Any]:
    """The same of an image, which is told its hyperparameters as they are."""
    algorithm = {"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/image:1"}
    return document(value=value) | {"algorithm": {**algorithm, "metrics": document()["algorithm"]["metrics"]}}


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        (document(), 100),
        (document(value=text(300)), 100),
        (of_an_image("v" * 2_498), 95),
        (of_an_image(text(300)), 95),
    ],
    ids=["script", "script and unicode", "image", "image and unicode"],
)
def test_the_requests_are_taken(spec: dict[str, Any], count: int) -> None:
    deployment = replace(DEPLOYMENT, allowed_in_specs=("*",), name_prefix="p" * 20)
    made = requests(planned(spec, deployment), deployment)
    assert len(made) == 2
    for request in made:
        assert faults("CreateTrainingJob", request) == []
        assert len(request["HyperParameters"]) == count
        assert len(request["TrainingJobName"]) == 63


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "n" * 65}, "at most 64"),
        ({"hyperparameters": dict.fromkeys([*NAMES, "one-more"], 1)}, "too many hyperparameters"),
        ({"hyperparameters": {"p": "v" * 2_501}}, "2,500"),
        ({"hyperparameters": {"n" * 257: 1}}, "256"),
        ({"rules": document()["rules"] + [{"rule": "AllZero", "parameters": {"tensor_regex": "a"}}]}, "20"),
        ({"collect": {f"c{n}": {"save_interval": 1} for n in range(21)}}, "20"),
        ({"hypothesis": "x" * MAX_BYTES}, "too large"),
    ],
)
def test_one_more_is_told(change: dict[str, Any], told: str) -> None:
    from gridwatch.spec.problems import SpecError

    with pytest.raises(SpecError) as refused:
        parsed(document() | change)
    assert told in refused.value.as_text("x.yaml")


def test_launched_and_tracked_with_an_event_of_a_megabyte(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    from launch_grid.handler import handler as launch
    from start_trials.handler import handler as start
    from track_job.handler import handler as track

    spec = of_an_image("v" * 2_498)
    for number in range(19):
        account.s3.put_object(Bucket="experiments-bucket", Key=f"data/d/{number}", Body=b"1\n")
    content = json.dumps(spec, ensure_ascii=False)
    assert 250_000 < len(content.encode()) < MAX_BYTES
    monkeypatch.setenv("ALLOWED_IN_SPECS", "*.dkr.ecr.*")
    launch(account.upload(content), Context())
    assert account.answer("status/experiments/blobs.yaml.json")["recorded"] == 2
    (message,) = account.received("start.fifo")
    start({"Records": [{"messageId": "1", "body": json.dumps(message)}]}, Context())
    running = account.store.trials_in(TrialState.RUNNING)
    assert len(running) == 2
    assert len(running[0].hyperparameters) == 95

    news = json.loads((EVENTS / "sagemaker_training_job_state_change.json").read_text())
    news["detail"] |= {"TrainingJobName": running[0].job_name, "TrainingJobArn": running[0].job_arn}
    news["detail"]["HyperParameters"] = dict.fromkeys(NAMES, "v" * 2500)
    news["detail"]["Environment"] = {f"E{number}": "v" * 512 for number in range(100)}
    news["detail"]["FailureReason"] = "x" * 1_024
    room = MEGABYTE - len(json.dumps(news))
    news["detail"]["InputDataConfig"] = [{"ChannelName": "c", "filling": "f" * (room - 60)}]
    body = json.dumps(news)
    assert 0.99 * MEGABYTE < len(body) <= MEGABYTE
    assert track({"Records": [{"messageId": "1", "body": body}]}, Context()) == {"batchItemFailures": []}
    assert account.store.get_trial(running[0].experiment, running[0].trial_id).state is not TrialState.RUNNING  # type: ignore[union-attr]


def test_the_alert_fits_into_every_channel() -> None:
    trial = replace(
        a_trial(experiment="n" * 64), reason=text(1_024), hyperparameters={name: text(2_500) for name in NAMES}
    )
    forms = renderings(trial_failed(trial=trial, now=NOON))
    assert len(forms["txt"].encode()) <= LONGEST_BODY + 1_000  # SNS takes 256 kB
    assert len(forms["chat.json"].encode()) <= 256 * 1_024
    blocks = json.loads(forms["slack.json"])["blocks"]
    assert len(blocks) <= 50
    assert all(len(block["text"]["text"]) <= 3_000 for block in blocks if block["type"] == "section")
    assert len(forms["incident.json"].encode()) <= 512 * 1_024


def test_the_tables_keep_every_value_whole(tmp_path: Path) -> None:
    values = {name: text(2_500) for name in NAMES}
    trial = a_trial(experiment="n" * 64, hyperparameters=values)
    path = tmp_path / "parameters.parquet"
    assert write_parquet(schemas.PARAMETERS, rows.parameter_rows(some_facts(trial), STAMP), path) == len(NAMES)
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT name, value_string FROM read_parquet('{path}')").fetchall()
    assert dict(found) == values
