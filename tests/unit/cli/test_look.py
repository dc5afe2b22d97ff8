"""`gridwatch look`: a wish beside each running job's tensors, and a look at once."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import typer
from typer.testing import CliRunner

from gridwatch.cli.context import Cloud
from gridwatch.cli.look import look
from gridwatch.domain.trials import TrialState
from gridwatch_hook.pace import Terms
from gridwatch_hook.wish import Wish, WishBox
from tests.unit.functions.watching import JOB, World


class Watched(Cloud):
    """A deployment with one running job; what is put and sent is kept."""

    def __init__(self) -> None:
        self.world = World()
        self.objects: dict[str, bytes] = {}
        self.sent: list[str] = []
        self.requests = 0
        session: Any = SimpleNamespace(
            s3=SimpleNamespace(put_object=lambda **request: self.objects.update({request["Key"]: request["Body"]})),
            sqs=SimpleNamespace(send_message_batch=self._take),
        )
        super().__init__(lambda: session, "Gridwatch", self.world.clock, is_named=True)
        self.__dict__["store"] = self.world.store
        self.__dict__["deployment"] = SimpleNamespace(artifacts_bucket="artifacts", evaluate_queue="evaluate")

    def _take(self, **request: Any) -> dict[str, Any]:
        self.requests += 1
        self.sent += [each["MessageBody"] for each in request["Entries"]]
        return {}


def run(cloud: Watched, *words: str) -> Any:
    wrapped = typer.Typer()

    @wrapped.callback()
    def root(context: typer.Context) -> None:
        context.obj = cloud

    wrapped.command("look")(look)
    return CliRunner().invoke(wrapped, ["look", *words])


def test_a_running_job_is_looked_at_now_and_its_hook_hears_of_the_wish() -> None:
    cloud = Watched()
    result = run(cloud, "blobs", "--every", "5", "--minutes", "2")
    assert result.exit_code == 0, result.output
    assert [json.loads(each)["job_name"] for each in cloud.sent] == [JOB]
    (content,) = cloud.objects.values()
    assert list(cloud.objects) == [f"tensors/{JOB}/debug-output/wish.json"]
    heard = WishBox(lambda _: content, Terms(60.0)).look(0.0)
    assert heard == Wish(5.0, cloud.clock.now().timestamp() + 120)


def test_once_leaves_no_wish_and_what_does_not_run_is_left_alone() -> None:
    cloud = Watched()
    assert run(cloud, "blobs", "--minutes", "0").exit_code == 0
    assert cloud.objects == {}
    trial = cloud.world.trial
    over = replace(trial, state=TrialState.COMPLETED, updated_at=cloud.clock.now())
    cloud.world.store.update_trial(over, expected=trial)
    assert run(cloud, "blobs").exit_code == 0
    assert len(cloud.sent) == 1


def test_a_hundred_running_jobs_are_woken_with_a_request_for_ten() -> None:
    cloud = Watched()
    more = [
        replace(cloud.world.trial, trial_id=f"{number:010x}", job_name=f"job-{number}", index=number)
        for number in range(1, 100)
    ]
    cloud.world.store.add_trials(more)
    assert run(cloud, "blobs").exit_code == 0
    assert (len(cloud.sent), len(cloud.objects), cloud.requests) == (100, 100, 10)


def test_an_experiment_that_is_not_there_is_told() -> None:
    result = run(Watched(), "nothing")
    assert result.exit_code == 1
    assert "no experiment 'nothing'" in str(result.exception)
