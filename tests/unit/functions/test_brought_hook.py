"""An upload puts the hook where its jobs find it, says so, and a newer hook launches nothing again."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from typing import Any

import boto3
import yaml
from moto import mock_aws

from gridwatch.aws.hook_store import S3HookStore
from gridwatch.launch.carrier import Carrier
from gridwatch.reproduce.differences import State, find_differences
from gridwatch.reproduce.fingerprint import Fingerprint
from tests.unit.functions.world import World
from tests.unit.reproduce.past import FakePast
from tests.unit.reproduce.test_rerun import HERE

SOURCE = "s3://code-bucket/train.tar.gz"
KEY = "experiments/plain.yaml"


def archive(content: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        entry = tarfile.TarInfo("train.py")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content.encode()))
    return packed.getvalue()


def world(script: str = "import torch\n") -> World:
    made = World(allowed=("*",))
    made.bucket.objects[SOURCE] = "etag"
    made.bucket.contents[SOURCE] = archive(script)
    return made


def spec(**changes: Any) -> str:
    return yaml.safe_dump({
        "name": "plain",
        "objective": {"metric": "loss", "direction": "minimize"},
        "algorithm": {
            "framework": "pytorch", "version": "2.10", "entry_point": "train.py", "source": SOURCE,
            "metrics": {"loss": "loss=([0-9.]+)"},
        },
        "grid": {"lr": [0.1, 0.2]},
        "rules": [{"rule": "DeadRelu"}],
        **changes,
    })  # fmt: skip


def answer(made: World) -> dict[str, Any]:
    found: dict[str, Any] = made.bucket.answers[f"status/{KEY}.json"]
    return found


def test_the_hook_is_put_and_the_answer_says_what_is_seen() -> None:
    made = world()
    made.submit(spec(), KEY)
    (told,) = answer(made)["hook"]
    assert (told["brought"], told["version"]) == ("carried", "0.1.0")
    assert any("gradients" in each for each in told["sees"])
    assert told["does_not_see"]
    (carrier,) = made.hooks.carriers.values()
    record = made.store.get_experiment("plain")
    assert record is not None
    assert record.template["InputDataConfig"][-1]["DataSource"]["S3DataSource"]["S3Uri"] == carrier.uri
    assert answer(made)["preflight"]["notices"] == []
    made.start()
    assert all("PYTHONPATH" in request["Environment"] for request in made.training.requests)


def test_a_newer_hook_launches_nothing_again_and_is_what_waiting_trials_get() -> None:
    made = world()
    made.submit(spec(), KEY)
    before = {trial.trial_id for trial in made.store.list_trials("plain")}
    made.deployment = replace(made.deployment, hook_source_uri="s3://assets/00.zip", hook_version="0.2.0")
    again = made.submit(spec(), KEY)
    assert again.recorded == 0
    assert {trial.trial_id for trial in made.store.list_trials("plain")} == before
    made.start()
    uris = {
        channel["DataSource"]["S3DataSource"]["S3Uri"]
        for request in made.training.requests
        for channel in request["InputDataConfig"]
    }
    assert {uri.split("/")[4].partition("-")[0] for uri in uris} == {"0.2.0"}


def test_the_fingerprint_has_the_hook_and_a_rerun_misses_it_where_it_is_gone() -> None:
    made = world()
    made.submit(spec(), KEY)
    (content,) = made.bucket.fingerprints.values()
    taken = Fingerprint.from_bytes(content)
    assert taken.hook is not None
    assert (taken.hook_version, taken.hook.count) == ("0.1.0", 2)
    older = json.loads(content)
    del older["hook"], older["hook_version"]
    assert Fingerprint.from_bytes(json.dumps(older).encode()).hook is None
    past = FakePast()
    for uri, etag in made.bucket.objects.items():
        past.put(uri, etag)
    image = str(taken.template["AlgorithmSpecification"]["TrainingImage"])
    states = {each.what: each.state for each in find_differences(taken, image, HERE, past).differences}
    assert states["hook 0.1.0"] is State.SAME
    gone = FakePast()
    states = {each.what: each.state for each in find_differences(taken, image, HERE, gone).differences}
    assert states["hook 0.1.0"] is State.GONE


def test_a_script_that_makes_the_hook_itself_is_left_alone_and_one_that_calls_it_is_not() -> None:
    for script, brought in (
        ("from gridwatch_hook.pytorch import PyTorchHook\n", "own"),
        ("import gridwatch_hook\ngridwatch_hook.log(loss=1.0)\n", "carried"),
        ("import smdebug.pytorch as smd\n", "carried"),
    ):
        made = world(script)
        made.submit(spec(), KEY)
        assert [each["brought"] for each in answer(made)["hook"]] == [brought], script
        assert len(made.hooks.carriers) == (brought == "carried")


def test_rules_that_see_nothing_without_a_hook_are_told_of_where_none_is_brought() -> None:
    made = world()
    made.submit(spec(hook="off"), KEY)
    (notice,) = answer(made)["preflight"]["notices"]
    assert "the script uses no hook" in notice["message"]
    assert answer(made)["hook"][0]["reason"] == "hook: off"


@mock_aws
def test_the_objects_are_put_once() -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    for bucket in ("assets", "artifacts"):
        s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket="assets", Key="a.zip", Body=b"zip")
    carrier = Carrier(
        version="0.1.0", source_uri="s3://assets/a.zip", config=b"{}", uri="s3://artifacts/hook/0.1.0-abc/"
    )
    store = S3HookStore(s3)
    store.put(carrier)

    def there() -> dict[str, Any]:
        return {item["Key"]: item["LastModified"] for item in s3.list_objects_v2(Bucket="artifacts")["Contents"]}

    first = there()
    assert set(first) == {"hook/0.1.0-abc/gridwatch.zip", "hook/0.1.0-abc/gridwatch_watch.json"}
    assert s3.get_object(Bucket="artifacts", Key="hook/0.1.0-abc/gridwatch.zip")["Body"].read() == b"zip"
    s3.delete_object(Bucket="artifacts", Key="hook/0.1.0-abc/gridwatch_watch.json")
    store.put(carrier)
    assert set(there()) == set(first)
    s3.delete_object(Bucket="assets", Key="a.zip")
    store.put(carrier)  # nothing is read or written where all is there
