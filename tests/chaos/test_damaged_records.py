"""One damaged record of every kind lies in a working deployment: everything else goes on, and none is written over."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from gridwatch.aws.state_table import StateTable
from gridwatch.cli.experiments import summaries, trial_status
from gridwatch.domain.trials import TrialState
from gridwatch.state.unreadable import UnreadableRecordError
from tests.simulation.blueprint import Blueprint
from tests.simulation.clients import Client, installed
from tests.simulation.cloud import Cloud
from tests.simulation.faults import NONE, Trouble
from tests.simulation.stage import Stage
from tests.simulation.story import Scenario, Upload, course_of, prepare, unrest

Item = dict[str, Any]
SICK, SOUND, OTHER = "sick", "sound", "other"
# Points of the grid: what their jobs do stands in tests/simulation/story.py.
SEEDS = (0, 1, 3, 4)


def _without_document(item: Item) -> Item:
    return {name: value for name, value in item.items() if name not in ("document", "packed")}


def _saying(text: str) -> Callable[[Item], Item]:
    return lambda item: _without_document(item) | {"document": {"S": text}}


def _of_a_newer_version(item: Item) -> Item:
    """Every word that may be one of a closed list is one that this version does not know."""
    document = json.loads(item["document"]["S"])
    document |= {name: "quarantined" for name in ("state", "engine", "status", "on_issue") if name in document}
    document |= {"policies": [each | {"on_issue": "quarantine"} for each in document.get("policies", ())]}
    return _saying(json.dumps(document if {"state", "status"} & document.keys() else {"of": "a newer version"}))(item)


def _without_its_first_key(item: Item) -> Item:
    document = json.loads(item["document"]["S"])
    return _saying(json.dumps(dict(list(document.items())[1:])))(item)


def _of_other_types(item: Item) -> Item:
    document = json.loads(item["document"]["S"])
    wrong = {name: [1] if not isinstance(value, list) else 7 for name, value in document.items()}
    return _saying(json.dumps(wrong))(item)


DAMAGES: dict[str, Callable[[Item], Item]] = {
    "of a newer version": _of_a_newer_version,
    "without a document": _without_document,
    "cut off": lambda item: _saying(item["document"]["S"][:-1])(item),
    "no object": _saying("null"),
    "without a key": _without_its_first_key,
    "of other types": _of_other_types,
    "nested": _saying("[" * 100_000),
    "garbage, packed": lambda item: _without_document(item) | {"packed": {"B": b"\x78\x9cgarbage"}},
}


def _kind(item: Item) -> str:
    """What a record is, by the words in its keys."""
    pk, sk = item["pk"]["S"], item["sk"]["S"]
    return f"{pk.partition('#')[0]} {'entry' if sk.isdigit() else re.split('#', sk)[0]}"


def _further(at: str) -> Iterator[Item]:
    """Kinds that the story leaves none of, where the functions look for them."""
    for pk, sk, index in (
        (f"experiment#{SICK}", "hold", None),
        (f"experiment#{SICK}", "tracking", None),
        (f"experiment#{SICK}", "regions", None),
        (f"experiment#{SICK}", "tuning#t-1", ("tunings#waiting", f"{at}#t-1")),
        (f"experiment#{SICK}", "tuning#t-2", ("tunings#running", f"{at}#t-2")),
        (f"experiment#{SICK}", "trial#waits", ("trials#waiting", f"4999999999#{at}#{SICK}#000000000")),
        (f"experiment#{SICK}", "trial#starts", ("trials#starting", f"4999999999#{at}#{SICK}#000000001")),
        (f"experiment#{SICK}", "trial#stops", ("trials#stopping", f"4999999999#{at}#{SICK}#000000002")),
        ("experiment#new", "experiment", ("experiments", at)),
        ("job#of-debugger", "job", ("jobs#managed", "of-debugger")),
        ("job#of-debugger", "rule#Overfit", ("findings#open", at)),
        ("alert#new", "alert", ("alerts#unsent", at)),
        ("gate#cause", "gate", ("gates#untold", at)),
        ("debugger", "refusal", None),
        ("experiments", "enlisted", None),
    ):
        item: Item = {"pk": {"S": pk}, "sk": {"S": sk}, "document": {"S": '{"first": 1, "state": "x", "at": "y"}'}}
        yield item | ({"gsi1pk": {"S": index[0]}, "gsi1sk": {"S": index[1]}} if index else {})


@dataclass
class Deployed:
    cloud: Cloud

    @property
    def table(self) -> dict[tuple[str, ...], Item]:
        return self.cloud.dynamodb.tables.setdefault(self.cloud.blueprint.environment["STATE_TABLE"], {})

    def put(self, item: Item) -> None:
        self.cloud.dynamodb.put_item(TableName=self.cloud.blueprint.environment["STATE_TABLE"], Item=item)

    def damage(self, damage: Callable[[Item], Item]) -> dict[tuple[str, ...], Item]:
        """One of every kind of the sick experiment, and of the kinds that it has none of; returns what lies there."""
        chosen: dict[str, Item] = {}
        for item in self.table.values():
            if "document" in item and (SICK in item["pk"]["S"] or item["pk"]["S"].startswith("alert#")):
                chosen.setdefault(_kind(item), item)
        moment = self.cloud.stage.moment().isoformat(timespec="microseconds")
        damaged = [damage(item) for item in (*chosen.values(), *_further(moment))]
        for item in damaged:
            self.put(item)
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in damaged}


@pytest.fixture(scope="module")
def blueprint(tmp_path_factory: pytest.TempPathFactory) -> Blueprint:
    return Blueprint.create(tmp_path_factory.mktemp("cdk.out"))


@pytest.fixture
def deployed(blueprint: Blueprint) -> Iterator[Deployed]:
    stage = Stage(7)
    cloud = Cloud(blueprint, stage, Trouble(NONE, 7), course_of, quota=12)
    with installed(cloud):
        yield Deployed(cloud)


def _upload(name: str, at: float) -> Upload:
    return Upload(at, f"experiments/{name}.json", name, SEEDS)


@pytest.mark.parametrize("damage", DAMAGES)
def test_whatever_is_damaged_the_other_experiments_run_to_their_end(deployed: Deployed, damage: str) -> None:
    cloud = deployed.cloud
    prepare(cloud, Scenario(7, (_upload(SICK, 1.0), _upload(OTHER, 2.0))))
    reacted = re.compile(f"^job#.*{SICK}.* reaction#high$")
    cloud.stage.run(lambda: any(reacted.match(" ".join(key)) for key in deployed.table), most_seconds=600.0)
    left = deployed.damage(DAMAGES[damage])
    assert {_kind(item) for item in left.values()} == KINDS
    prepare(cloud, Scenario(7, (_upload(SOUND, 1.0),)))
    cloud.stage.run(lambda: False, most_seconds=3600.0)

    noted: list[UnreadableRecordError] = []
    environment = cloud.blueprint.environment
    store = StateTable(environment["STATE_TABLE"], dynamodb=Client("dynamodb", cloud), noted=noted.append)
    for name in (OTHER, SOUND):
        states = [trial.state.value for trial in store.list_trials(name)]
        assert states == ["completed", "stopped", "completed", "failed"], (name, states)
        mails = [mail.subject for mail in cloud.inbox if name in mail.subject + mail.message]
        assert any("has ended" in subject for subject in mails), (name, mails)
        assert any("high" in subject for subject in mails), (name, mails)
        for table in ("experiments", "trials", "metrics", "findings"):
            assert (environment["ARTIFACTS_BUCKET"], f"tables/{table}/{name}.parquet") in cloud.s3.objects
        assert (environment["ARTIFACTS_BUCKET"], f"reports/experiments/{name}.html") in cloud.s3.objects
    # What commands show of the others.
    assert {row["experiment"] for row in summaries(store)} >= {OTHER, SOUND}
    for record in store.list_experiments():
        for trial in store.list_trials(record.name):
            if record.name != SICK:
                assert trial_status(store, record, trial)["rules"]
    assert {each.experiment for state in TrialState for each in store.trials_in(state)} >= {OTHER, SOUND}
    assert noted

    for key, item in left.items():
        kept = deployed.table.get(key)
        fields = ("document", "packed")
        if _kind(item) not in MENDED:
            assert kept is not None
            assert [kept.get(name) for name in fields] == [item.get(name) for name in fields], f"written over: {key}"
    scheduled = [
        line for line in cloud.stage.trace if "raised" in line and ("sweep#" in line or "start_trials#" in line)
    ]
    assert not scheduled, "\n".join(scheduled)
    healthy = [line for line in unrest(cloud) if SOUND in line or OTHER in line]
    assert not healthy


KINDS = {
    "experiment current", "experiment experiment", "experiment hold", "experiment tracking", "experiment regions",
    "experiment tuning", "experiment trial", "job job", "job evaluation", "job rule", "job stop", "job reaction",
    "alert alert", "gate gate", "gate admitted", "debugger refusal", "experiment snapshot",
    "experiment counts", "experiments enlisted",
}  # fmt: skip

# What is made from the tensors once more, and tells the same: the state of a job's rules, and where each one stands.
MENDED = ("job evaluation", "job rule", "experiment current")


def test_a_switch_that_cannot_be_read_keeps_jobs_running_and_people_are_told(deployed: Deployed) -> None:
    cloud = deployed.cloud
    prepare(cloud, Scenario(7, (_upload(SOUND, 1.0),)))
    deployed.put({"pk": {"S": "stopping"}, "sk": {"S": "stopping"}, "document": {"S": "{"}})
    cloud.stage.run(lambda: False, most_seconds=3600.0)
    store = StateTable(cloud.blueprint.environment["STATE_TABLE"], dynamodb=Client("dynamodb", cloud))
    states = [trial.state.value for trial in store.list_trials(SOUND)]
    assert states == ["completed", "completed", "completed", "failed"]
    (mail,) = [mail for mail in cloud.inbox if "high" in mail.subject]
    assert "the switch cannot be read" in mail.message.replace("\n", " ")


def test_a_name_whose_record_cannot_be_read_is_not_taken_by_an_upload(deployed: Deployed) -> None:
    cloud = deployed.cloud
    item: Item = {"pk": {"S": f"experiment#{SICK}"}, "sk": {"S": "experiment"}, "document": {"S": "{"}}
    deployed.put(item)
    prepare(cloud, Scenario(7, (_upload(SICK, 1.0), _upload(SOUND, 1.0))))
    cloud.stage.run(lambda: False, most_seconds=600.0)
    bucket = cloud.blueprint.environment["EXPERIMENTS_BUCKET"]
    answer = json.loads(cloud.s3.objects[bucket, f"status/experiments/{SICK}.json.error.json"][-1].content)
    assert "cannot be read" in json.dumps(answer)
    assert deployed.table[f"experiment#{SICK}", "experiment"] == item
    assert (bucket, f"status/experiments/{SOUND}.json.json") in cloud.s3.objects
