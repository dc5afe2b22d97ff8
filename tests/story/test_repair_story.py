"""A trial whose eta diverges is stopped, repaired once with a tenth of it, and the digest says what that brought."""

from __future__ import annotations

import json

from gridwatch.aws.state_table import StateTable
from gridwatch.domain.trials import TrialRecord, TrialState
from tests.story.deployed import Deployed, Mailbox

# On labels that say nothing, steps ten times too long overfit from the first round on.
SPEC = {
    "name": "repaired",
    "objective": {"metric": "validation-logloss", "direction": "minimize"},
    "algorithm": {"name": "xgboost", "version": "3.2-0"},
    "data": {
        "train": {"uri": "repaired/train.csv", "content_type": "text/csv"},
        "validation": {"uri": "repaired/validation.csv", "content_type": "text/csv"},
    },
    "hyperparameters": {
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "num_round": 1500,
        "max_depth": 4,
        "seed": 1,
        "eta": 1.0,
    },
    "collect": {"metrics": {"save_interval": 1}},
    "rules": [
        {
            "when": "value > 1.2",
            "name": "diverging",
            "parameters": {"tensor_regex": "validation-logloss"},
            "on_issue": "stop",
        }
    ],
    "repair": {"rules": ["diverging"], "hyperparameter": "eta", "times": 0.001, "resume": True},
}


def test_a_diverging_trial_is_repaired_once_and_the_digest_says_what_it_brought(deployed: Deployed) -> None:
    mailbox = Mailbox.open(deployed, "repaired")
    for name, first in (("train", 0), ("validation", 1000)):
        rows = (f"{n * n // 7 % 2},{n * 37 % 101}.5,{n * 53 % 211}.25\n" for n in range(first, first + 400))
        deployed.put(f"data/repaired/{name}.csv", "".join(rows))
    deployed.put("experiments/repaired.json", json.dumps(SPEC))
    store = StateTable(deployed.outputs["StateTable"], dynamodb=deployed.client("dynamodb"))

    def over() -> list[TrialRecord] | None:
        trials = store.list_trials("repaired")
        return list(trials) if len(trials) == 2 and all(trial.state.is_finished for trial in trials) else None

    trials = deployed.wait(over, "the repair's end", 180)
    (parent,) = [trial for trial in trials if trial.parent is None]
    (child,) = [trial for trial in trials if trial.parent is not None]
    assert (parent.state, child.state) == (TrialState.STOPPED, TrialState.COMPLETED), f"{child.change}: {child.reason}"
    assert parent.repair == f"repaired by {child.trial_id}"
    assert child.hyperparameters["eta"] == 0.001
    (digest,) = deployed.wait(lambda: mailbox.about("repaired has ended"), "the digest", 120)
    told = " ".join(digest["Message"].split())  # its lines are wrapped
    assert f"{parent.trial_id} by {child.trial_id}, eta 1.0 -> 0.001, from the checkpoint of round " in told
    assert ": better: validation-logloss" in told
    assert len(mailbox.about("is repaired")) == 1
