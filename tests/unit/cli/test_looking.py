"""The commands that look at results, over a store in memory and answers of Athena as given."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from gridwatch.cli import main as command
from gridwatch.cli.athena import Answer
from gridwatch.cli.errors import CliError
from gridwatch.cli.looking import lineage
from gridwatch.cli.looking.compare import flat_document
from gridwatch.cli.looking.conditions import Condition, matching
from gridwatch.cli.looking.curves import JobCurve
from gridwatch.cli.looking.inspect import _rule_lines
from gridwatch.cli.looking.trials import find_trial, flat
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.trials import TrialState
from gridwatch.state.memory import MemoryStore
from tests.unit.tables.facts_of import LOSS_RULE, NOON, a_trial, an_experiment

FIRST, SECOND = a_trial(0), a_trial(1, state=TrialState.STOPPED, status="Stopped", model_uri="s3://artifacts/models/b")
TEMPLATE = {
    "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://data/blobs/train.csv"}}}],
    "AlgorithmSpecification": {"TrainingImage": "registry/sagemaker-xgboost:3.2-0"},
    "HyperParameters": {"sagemaker_submit_directory": '"s3://assets/code.tar.gz"'},
}  # fmt: skip


class NoKeyError(Exception):
    pass


class S3:
    """A bucket without anything in it."""

    exceptions = SimpleNamespace(NoSuchKey=NoKeyError)

    def get_object(self, **_: str) -> Any:
        raise NoKeyError

    def get_paginator(self, _: str) -> Any:
        return SimpleNamespace(paginate=lambda **_: [{}])

    def list_objects_v2(self, **_: Any) -> Any:
        return {}


@dataclass
class FakeCloud:
    """What the commands take of gridwatch.cli.context.Cloud; `answers` are rows for every query."""

    store: MemoryStore
    answers: Sequence[Mapping[str, Any]] = ()
    failing: str | None = None
    asked: list[str] = field(default_factory=list)
    session: Any = field(default_factory=lambda: SimpleNamespace(s3=S3()))
    deployment: Any = field(
        default_factory=lambda: SimpleNamespace(experiments_bucket="specs", artifacts_bucket="artifacts")
    )

    def ask(self, sql: str) -> Answer:
        self.asked.append(sql)
        if self.failing:
            raise CliError(self.failing)
        return Answer(list(self.answers[0]) if self.answers else [], self.answers)


@pytest.fixture
def cloud() -> FakeCloud:
    store = MemoryStore()
    tags = {**an_experiment().document, "tags": {"cost": "47"}}
    store.put_experiment(an_experiment(FIRST, SECOND, document=tags, template=TEMPLATE))
    store.add_trials([FIRST, SECOND])
    for trial in (FIRST, SECOND):
        store.put_job(
            JobRecord(
                job_name=trial.job_name, experiment="blobs", trial_id=trial.trial_id, attempt=1, policies=(LOSS_RULE,),
                hyperparameters=trial.hyperparameters, objective_metric="validation:error",
                objective_direction="minimize",
            )
        )  # fmt: skip
    return FakeCloud(store)


@pytest.fixture
def run(cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("gridwatch.cli.main.connect", lambda stack: cloud)
        for module in ("search", "compare", "inspect", "lineage", "logs", "leaderboard"):
            monkeypatch.setattr(f"gridwatch.cli.looking.{module}.cloud_of", lambda context: cloud)
        monkeypatch.setattr("sys.argv", ["gridwatch", *arguments])
        with pytest.raises(SystemExit) as exit_:
            command.main()
        printed = capsys.readouterr()
        code = exit_.value.code
        assert isinstance(code, int)
        return code, printed.out, printed.err

    return run


class TestConditions:
    @pytest.mark.parametrize(
        ("text", "holds"),
        [
            ("eta=0.10", True), ("eta!=0.1", False), ("eta>0.05", True), ("eta>=0.1", True), ("eta<0.1", False),
            ("eta <= 0.1", True), ("state=Completed", True), ("state~COMP", True), ("state!=failed", True),
            ("state>1", False), ("missing=1", False), ("missing!=1", False), ("flag=true", True), ("flag>0", False),
        ],
    )  # fmt: skip
    def test_numbers_are_compared_as_numbers_and_text_as_text(self, text: str, holds: bool) -> None:
        row = {"eta": 0.1, "state": "completed", "flag": True, "missing": None}
        assert Condition.parse(text).holds(row) is holds

    def test_what_is_no_condition_is_refused(self) -> None:
        with pytest.raises(CliError, match="is no condition"):
            Condition.parse("eta")

    def test_a_name_that_nothing_has_is_told_with_the_nearest(self) -> None:
        with pytest.raises(CliError, match="did you mean max_depth"):
            matching([{"max_depth": 3}], ["max_dept=3"])
        assert matching([], ["anything=1"]) == []


class TestFindingATrial:
    @pytest.mark.parametrize("text", [SECOND.job_name, SECOND.trial_id, "blobs/1", "blobs/0000000001"])
    def test_it_has_several_names(self, cloud: FakeCloud, text: str) -> None:
        assert find_trial(cloud.store, text).trial == SECOND

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("00", "too short"), ("ffff", "there is no trial"), ("0000", "is how 2 trials begin"),
            ("nothing/0", "there is no experiment 'nothing'"), ("blobs/9", "there is no trial"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_found_is_told(self, cloud: FakeCloud, text: str, why: str) -> None:
        with pytest.raises(CliError, match=why):
            find_trial(cloud.store, text)


def test_search_by_hyperparameter_state_metric_and_tag(run: Any) -> None:
    code, out, _ = run("search", "max_depth>2", "state=stopped", "tag.cost=47", "--columns", "owner", "--json")
    assert code == 0
    assert json.loads(out) == [
        {
            "experiment": "blobs", "trial": SECOND.trial_id, "state": "stopped", "job_name": SECOND.job_name,
            "owner": "ada@example.org", "max_depth": 3, "tag.cost": "47",
        }
    ]  # fmt: skip
    assert run("search", "validation:error<0.105", "--csv")[1].splitlines()[1].startswith(f"blobs,{FIRST.trial_id},")
    assert run("search", "state=failed")[2] == "no trial is like that\n"


def test_own_columns_win_over_hyperparameters_of_the_same_name() -> None:
    odd = replace(FIRST, hyperparameters={"state": "of matter"})
    assert flat(an_experiment(odd), odd)["state"] == "completed"


def test_compare_shows_what_differs(run: Any, cloud: FakeCloud) -> None:
    cloud.answers = [
        {
            "job_name": job,
            "name": "validation-error",
            "mode": "GLOBAL",
            "source": "hook",
            "worker": "worker_0",
            "step": step,
            "value": value,
        }
        for job, values in ((FIRST.job_name, (0.4, 0.2)), (SECOND.job_name, (0.5, 0.6)))
        for step, value in enumerate(values)
    ]
    code, out, _ = run("compare", "blobs/0", "blobs/1", "--json")
    assert code == 0
    rows = {row[""]: row for row in json.loads(out)}
    assert (rows["max_depth"][FIRST.trial_id], rows["max_depth"][SECOND.trial_id]) == (2, 3)
    assert "eta" not in rows, "it is the same in both"
    assert rows["cost"][FIRST.trial_id].endswith("USD (estimate)")
    assert rows["validation-error, by step"][SECOND.trial_id] == "▁█ 0.5 to 0.6 in 2 values"
    assert "eta" in {row[""] for row in json.loads(run("compare", "blobs/0", "blobs/1", "--all", "--json")[1])}


def test_curves_of_the_log_are_compared_by_line(run: Any, cloud: FakeCloud) -> None:
    cloud.answers = [
        {"job_name": job, "name": "f1", "mode": "GLOBAL", "source": source, "worker": "w", "step": 4, "value": 0.5}
        for job, source in ((FIRST.job_name, "log"), (SECOND.job_name, "hook"))
    ]  # fmt: skip
    rows = {row[""]: row for row in json.loads(run("compare", "blobs/0", "blobs/1", "--json")[1])}
    (line,) = (row for name, row in rows.items() if name.endswith("by line"))
    (step,) = (row for name, row in rows.items() if name.endswith("by step"))
    assert (line[FIRST.trial_id] is None, line[SECOND.trial_id]) == (False, None)
    assert (step[FIRST.trial_id], step[SECOND.trial_id] is None) == (None, False)


def test_lists_of_a_spec_are_compared_in_words() -> None:
    rules = [
        {
            "rule": "ASHA",
            "when": None,
            "name": None,
            "parameters": {"grace": 10},
            "on_issue": "alert",
            "protect": False,
        },
        {"rule": "MetricThreshold", "name": "low", "parameters": {"below": 0}, "on_issue": "stop", "protect": True},
    ]
    flat_spec = flat_document({"rules": rules, "hyperparameters": {"eval_metric": ["auc", "logloss"]}, "grid": []})
    assert flat_spec == {
        "rules": "ASHA (grace 10, on_issue alert); low (rule MetricThreshold, below 0, on_issue stop, protect true)",
        "hyperparameters.eval_metric": "auc, logloss",
        "grid": "none",
    }


def test_compare_experiments_by_their_specs_and_best_trials(run: Any, cloud: FakeCloud) -> None:
    other = a_trial(0, experiment="other", final_metrics={"validation:error": 0.05})
    cloud.store.put_experiment(replace(an_experiment(other), name="other", document={"objective": {"metric": "x"}}))
    cloud.store.add_trials([other])
    rows = {row[""]: row for row in json.loads(run("compare", "blobs", "other", "--json")[1])}
    assert rows["objective.metric"] == {"": "objective.metric", "blobs": "validation:error", "other": "x"}
    assert rows["best trial by last value"]["blobs"] == FIRST.trial_id
    assert rows["best trial by last value"]["other"] is None
    assert all(any(row[name] is not None for name in ("blobs", "other")) for row in rows.values())


@pytest.mark.parametrize(
    ("subjects", "why"),
    [
        (["blobs/0"], "two to 12"),
        (["blobs/0", "blobs/0"], "two to 12"),
        (["blobs/0", FIRST.trial_id], "same trial"),
        (["blobs", "blobs/0"], "blobs is an experiment and blobs/0 is not"),
    ],
)
def test_what_cannot_be_compared_is_told(run: Any, subjects: list[str], why: str) -> None:
    code, _, err = run("compare", *subjects)
    assert (code, why in err, err.count("\n")) == (1, True, 1)


def test_inspect_shows_the_values_that_caused_a_finding(run: Any, cloud: FakeCloud) -> None:
    finding = {
        "step": 4, "tensor": "validation-error", "observed": 1.5, "threshold": 5, "sentence": "it fell by 1.5 %",
        "curve": {"steps": [2, 4], "values": [0.2, 0.197]},
    }  # fmt: skip
    cloud.store.put_rule_evaluation(
        RuleEvaluationRecord(
            job_name=SECOND.job_name, rule_name="loss", status="IssuesFound", details=None, finding=finding,
            updated_at=NOON,
        )
    )  # fmt: skip
    code, out, _ = run("inspect", "blobs/1")
    assert code == 0
    for wanted in (
        "loss: IssuesFound", "it fell by 1.5 %", "step 4, tensor validation-error, observed 1.5, threshold 5",
        "values [0.2, 0.197]", "s3://data/blobs/train.csv", "s3://assets/code.tar.gz", "s3://artifacts/models/b",
    ):  # fmt: skip
        assert wanted in out
    document = json.loads(run("inspect", "blobs/1", "--json")[1])
    assert document["rules"][0]["finding"] == finding


def test_inspect_of_a_job_without_a_metric_does_not_deny_the_snapshot(run: Any, cloud: FakeCloud) -> None:
    cloud.answers = []
    code, out, _ = run("inspect", "blobs/0")
    assert code == 0
    assert "the last snapshot has none" in out


def test_inspect_without_a_snapshot_says_so(run: Any, cloud: FakeCloud) -> None:
    cloud.failing = "the query failed: no files found"
    code, out, _ = run("inspect", "blobs/0")
    assert code == 0
    assert "no files found" in out


def test_lineage_names_the_run_in_mlflow(cloud: FakeCloud) -> None:
    app = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/app-0A1B"
    found = find_trial(cloud.store, "blobs/1")  # type: ignore[arg-type]
    told = {"MlflowConfig": {"MlflowResourceArn": app, "MlflowExperimentName": "team"}}
    found = replace(found, experiment=replace(found.experiment, template={**found.experiment.template, **told}))
    runs = [row for row in lineage.lineage_of(cloud, found) if row["what"] == "MLflow run"]  # type: ignore[arg-type]
    assert runs == [{"what": "MLflow run", "name": f"team / {found.job_name}", "address": app}]


def test_lineage_tells_the_hook_from_data(cloud: FakeCloud) -> None:
    found = find_trial(cloud.store, "blobs/1")  # type: ignore[arg-type]
    template = found.experiment.template
    hook = {"ChannelName": "gridwatch", "DataSource": {"S3DataSource": {"S3Uri": "s3://artifacts/hook/0.1.0-ab/"}}}
    channels = {"InputDataConfig": [*template["InputDataConfig"], hook]}
    found = replace(found, experiment=replace(found.experiment, template={**template, **channels}))
    rows = [(row["what"], row["name"]) for row in lineage.lineage_of(cloud, found)]  # type: ignore[arg-type]
    assert ("hook", "gridwatch") in rows
    assert [what for what, _ in rows].count("data") == 1


def test_lineage_leads_back_from_an_address(run: Any, cloud: FakeCloud) -> None:
    assert [row["what"] for row in lineage.lineage_of(cloud, find_trial(cloud.store, "blobs/1"))] == [  # type: ignore[arg-type]
        "spec", "data", "image", "code", "training job", "tensors", "model",
    ]  # fmt: skip
    made = json.loads(run("lineage", "s3://artifacts/models/b", "--json")[1])
    assert [(row["trial"], row["what"]) for row in made] == [(SECOND.trial_id, "model")]
    assert len(json.loads(run("lineage", "s3://data/blobs/", "--json")[1])) == 2
    assert json.loads(run("lineage", "s3://data/blo", "--json")[1]) == [], "not the beginning of a name"


def test_lineage_tells_what_prepared_the_data(run: Any, cloud: FakeCloud) -> None:
    record = cloud.store.get_experiment("blobs")
    assert record is not None
    told = {"preprocessing": {"script": "s3://code/prepare.py", "jobs": ["prepare-1"]}}
    cloud.store.put_experiment(replace(record, document={**record.document, **told}))
    rows = json.loads(run("lineage", "blobs/1", "--json")[1])
    assert [(row["name"], row["address"]) for row in rows if row["what"] == "preprocessing"] == [
        ("script", "s3://code/prepare.py"),
        ("prepare-1", None),
    ]
    assert {row["what"] for row in json.loads(run("lineage", "s3://code/", "--json")[1])} >= {"preprocessing"}


def test_a_long_curve_is_drawn_from_end_to_end() -> None:
    line = JobCurve("a", range(1000), [float(n) for n in range(1000)]).line()
    assert (len(line), line[0], line[-1]) == (32, "▁", "█")
    assert JobCurve("a", [0], [1.0]).words() == "▄ 1 to 1 in 1 value"


class Logs:
    """CloudWatch Logs with streams that grow: a page of one event at a time."""

    exceptions = SimpleNamespace(ResourceNotFoundException=KeyError)

    def __init__(self, **streams: list[str]) -> None:
        self.streams = streams

    def get_paginator(self, _: str) -> Any:
        def paginate(**request: str) -> Any:
            prefix = request["logStreamNamePrefix"]
            yield {"logStreams": [{"logStreamName": f"{prefix}{name}-1"} for name in self.streams]}

        return SimpleNamespace(paginate=paginate)

    def get_log_events(self, **request: Any) -> Any:
        lines = self.streams[request["logStreamName"].rpartition("/")[2].removesuffix("-1")]
        place = int(request.get("nextToken", 0))
        events = [{"timestamp": 1000 * (place + 1), "message": lines[place]}] if place < len(lines) else []
        return {"events": events, "nextForwardToken": str(place + len(events))}


def test_logs_come_from_all_streams_by_time_and_steer_no_terminal(run: Any, cloud: FakeCloud) -> None:
    service = Logs(algo1=["a", "\x1b[31mred"], algo2=["b"])
    cloud.session.client = lambda name: service
    code, out, _ = run("logs", "blobs/0")
    assert code == 0
    assert out.splitlines() == ["00:00:01Z algo1  a", "00:00:01Z algo2  b", "00:00:02Z algo1  [31mred"]
    assert len(run("logs", "blobs/0", "-n", "1")[1].splitlines()) == 1


def test_following_ends_with_the_job(run: Any, cloud: FakeCloud) -> None:
    service = Logs(algo1=["a"])
    cloud.session.client = lambda name: service
    running = replace(FIRST, state=TrialState.RUNNING)
    cloud.store.update_trial(running, expected=FIRST)

    def sleep(_: float) -> None:
        service.streams["algo1"] += ["b"]
        cloud.store.update_trial(replace(running, state=TrialState.COMPLETED), expected=running)

    cloud.clock = SimpleNamespace(sleep=sleep)  # type: ignore[attr-defined]
    assert [line.split()[-1] for line in run("logs", "blobs/0", "--follow")[1].splitlines()] == ["a", "b"]


def test_logs_of_rules_are_their_words(run: Any, cloud: FakeCloud) -> None:
    at = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    cloud.store.put_rule_evaluation(
        RuleEvaluationRecord(
            job_name=FIRST.job_name, rule_name="loss", status="NoIssuesFound", details="all well", finding=None,
            updated_at=at,
        )
    )  # fmt: skip
    assert run("logs", "blobs/0", "--rules")[1] == "12:30:00Z loss  NoIssuesFound: all well\n"
    code, _, err = run("logs", "blobs/1", "--rules")
    assert (code, err) == (1, "gridwatch: no rule has said anything yet\n")


LEADERS = [
    {
        "place": place, "experiment": "blobs", "trial_id": f"t{place}", "job_name": f"job-{place}", "state": state,
        "objective_metric": "error", "objective_value": value, "training_seconds": seconds, "billable_seconds": 3,
        "hyperparameters": json.dumps({"eta": eta, "depth": 3}), "complete": True, "as_of": "now",
    }
    for place, state, value, seconds, eta in (
        (1, "completed", 0.1, 30.0, 0.3), (2, "stopped", 0.2, 10.0, 0.1), (3, "failed", None, None, 0.2),
    )
]  # fmt: skip


def test_the_leaderboard_can_be_sorted_filtered_and_cut(run: Any, cloud: FakeCloud) -> None:
    cloud.answers = LEADERS

    def jobs(*options: str) -> list[str]:
        return str(run("leaderboard", "blobs", "--columns", "job_name", "--csv", *options)[1]).split()[1:]

    assert jobs() == ["job-1", "job-2", "job-3"]
    assert jobs("--sort", "training_seconds") == ["job-2", "job-1", "job-3"]
    assert jobs("--sort", "-training_seconds") == ["job-1", "job-2", "job-3"], "what is missing comes last"
    assert jobs("--sort", "eta", "--top", "2") == ["job-2", "job-3"]
    assert jobs("--where", "state!=failed", "--where", "eta>0.2") == ["job-1"]
    assert jobs("--where", "depth=3") == ["job-1", "job-2", "job-3"], "also hyperparameters that do not differ"
    code, _, err = run("leaderboard", "blobs", "--sort", "nonsense")
    assert (code, "there is no column 'nonsense'" in err) == (1, True)
    shown = json.loads(run("leaderboard", "blobs", "--top", "1", "--json")[1])
    assert shown[0]["hyperparameters"] == {"eta": 0.3, "depth": 3}


def test_the_values_of_a_finding_are_shown_without_quotes_and_without_what_is_not_known() -> None:
    """Values that are no numbers are kept as texts."""
    finding = {"sentence": "loss is nan", "step": 4, "tensor": "loss", "observed": "nan", "threshold": None,
               "curve": {"steps": [3, 4], "values": [0.25, "nan"]}}  # fmt: skip
    rule = {"rule": "MetricNonFinite", "status": "IssuesFound", "evaluated_by": "gridwatch", "details": None,
            "finding": finding, "action": None, "saved": None}  # fmt: skip
    lines = list(_rule_lines(rule))
    assert lines[2:] == ["  step 4, tensor loss, observed nan", "  curve: steps [3, 4], values [0.25, nan]"]
