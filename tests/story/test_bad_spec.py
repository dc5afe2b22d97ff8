"""A bad spec launches nothing, is told to people, and is answered where it was uploaded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.story.deployed import Deployed, Mailbox

BAD = """\
name: broken
objective: {metric: validation-error, direction: minimise}
algorithm: {name: xgboost, version: 3.2-0}
data:
  train: {uri: broken/train.csv, content_type: text/csv}
gird:
  max_depth: [2, 8]
"""


def test_a_bad_spec(deployed: Deployed, mailbox: Mailbox) -> None:
    deployed.put("experiments/broken.yaml", BAD)

    answer = deployed.wait(lambda: deployed.get_json("status/experiments/broken.yaml.error.json"), "the answer", 30)
    by_field = {problem["field"]: problem for problem in answer["problems"]}
    assert by_field["objective.direction"]["line"] == 2
    assert "minimise" in by_field["objective.direction"]["found"]
    assert by_field["gird"]["line"] == 6
    assert "grid" in by_field["gird"]["advice"]

    (mail,) = deployed.wait(lambda: mailbox.about("broken"), "the alert", 20)
    for word in ("gird", "objective.direction"):
        assert word in mail["Message"]
    assert deployed.jobs("broken") == []


def test_a_spec_without_its_data_launches_nothing_until_the_data_is_there(deployed: Deployed) -> None:
    spec = BAD.replace("broken", "late").replace("gird", "grid").replace("minimise", "minimize")
    spec = spec.replace("validation-error", "train-rmse").replace("[2, 8]", "[2]")
    spec += "hyperparameters: {objective: reg:squarederror, num_round: 3}\n"
    deployed.put("experiments/late.yaml", spec)
    answer = deployed.wait(lambda: deployed.get_json("status/experiments/late.yaml.error.json"), "the answer", 30)
    assert [problem["field"] for problem in answer["problems"]] == ["data.train.uri"]
    assert deployed.jobs("late") == []

    deployed.put("data/late/train.csv", "".join(f"{n % 7},{n},{n * n}\n" for n in range(200)))
    deployed.put("experiments/late.yaml", spec)
    (job,) = deployed.wait_for_jobs("late", 1, 60)
    assert job["TrainingJobStatus"] == "Completed"
    assert deployed.get_json("status/experiments/late.yaml.error.json") is None


def test_of_two_who_upload_one_experiment_at_the_same_moment_the_one_that_loses_is_told(deployed: Deployed) -> None:
    deployed.put("data/at-once/train.csv", "".join(f"{n % 7},{n},{n * n}\n" for n in range(200)))
    spec = BAD.replace("broken", "at-once").replace("gird", "grid").replace("minimise", "minimize")
    spec = spec.replace("validation-error", "train-rmse")
    spec += "hyperparameters: {objective: reg:squarederror, num_round: 3}\n"
    uploads = {"carol": spec.replace("[2, 8]", "[2]"), "dave": spec.replace("[2, 8]", "[3]")}
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda who: deployed.put(f"experiments/{who}.yaml", uploads[who]), uploads))

    def answers() -> dict[str, object] | None:
        told = {who: deployed.get_json(f"status/experiments/{who}.yaml.json") for who in uploads}
        by_outcome = {answer["outcome"]: answer for answer in told.values() if answer}
        return by_outcome if set(by_outcome) == {"accepted", "superseded"} else None

    told = deployed.wait(answers, "one answer that accepts and one that says who was first", 40)
    won, lost = told["accepted"], told["superseded"]
    assert lost["superseded_by"] == won["spec"]  # type: ignore[index]
    depth = {"experiments/carol.yaml": "2", "experiments/dave.yaml": "3"}[won["spec"]["key"]]  # type: ignore[index]
    # What the other had launched before it lost goes on.
    is_there = lambda: any(job["HyperParameters"]["max_depth"] == depth for job in deployed.jobs("at-once"))  # noqa: E731
    deployed.wait(is_there, "the job of the upload that counts", 30)
    deployed.wait_for_jobs("at-once", 1, 60)
    assert deployed.get_json(f"status/{won['spec']['key']}.json") == won  # type: ignore[index]
