"""A bad spec launches nothing, is told to people, and is answered where it was uploaded."""

from __future__ import annotations

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
