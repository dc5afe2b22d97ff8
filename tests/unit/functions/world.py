"""The launching side of Gridwatch on in-memory ports, as the tests need it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.events.spec_upload import SpecUpload
from gridwatch.launch.deployment import Deployment
from gridwatch.launch.holding import LaunchLimits
from gridwatch.launch.paces import Pacing
from gridwatch.launch.pacing import TokenBucket
from gridwatch.launch.repairing import Repairer
from gridwatch.launch.tracking import Tracker, TrackingOutcome
from gridwatch.reproduce.fingerprint import ImageVersion
from gridwatch.savings.prices import PriceTable
from gridwatch.state.memory import MemoryStore
from gridwatch.state.store import StateStore
from launch_grid.accept import accept
from launch_grid.platform import Accepted, Platform
from start_trials.engines import Engines
from start_trials.paces import Paces
from start_trials.round import Round, RoundReport
from start_trials.starting import Launcher
from start_trials.tracking import Tracking
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.clock import FakeClock
from tests.fakes.experiment_bucket import FakeExperimentBucket
from tests.fakes.hook_store import FakeHookStore
from tests.fakes.queues import FakeQueue
from tests.fakes.training import FakeTraining

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
DEPLOYMENT = Deployment(
    region="eu-west-1",
    name_prefix="gridwatch",
    experiments_bucket="experiments-bucket",
    artifacts_bucket="artifacts-bucket",
    job_role_arn="arn:aws:iam::123456789012:role/gridwatch-training",
    xgboost_source_uri="s3://assets/0123456789abcdef.tar.gz",
)
HOOK = {"hook_source_uri": "s3://assets/fedcba9876543210.zip", "hook_version": "0.1.0"}


class World:
    def __init__(
        self,
        *,
        rate: float = 1.0,
        quota: int | None = None,
        invocation_seconds: float = 900.0,
        allowed: tuple[str, ...] = (),
    ) -> None:
        self.deployment = replace(DEPLOYMENT, allowed_in_specs=allowed, **HOOK)
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.bucket = FakeExperimentBucket()
        self.bucket.add_data("blobs/train.csv", "blobs/validation.csv")
        self.checkpoints = FakeCheckpoints()
        self.training = FakeTraining(self.clock, quota=quota)
        self.start_queue = FakeQueue(fifo=True)
        self.alert_queue, self.evaluate_queue, self.snapshot_queue = FakeQueue(), FakeQueue(), FakeQueue()
        self.alerts = AlertOutbox(self.store, self.alert_queue)
        self.rate = rate
        self.invocation_seconds = invocation_seconds
        self.rounds = 0
        self.processing_instances: int | None = 4  # as on a fresh account
        self.tries_debugger = True
        self.hooks = FakeHookStore(self.bucket.objects)
        self.pacing: Pacing | None = None

    def upload(self, content: str | bytes, key: str = "experiments/blobs.yaml") -> SpecUpload:
        return self.bucket.upload(key, content, self.clock.now())

    def launch(self, upload: SpecUpload, *, store: StateStore | None = None) -> Accepted:
        platform = Platform(
            deployment=self.deployment,
            bucket=self.bucket,
            store=store or self.store,
            start_queue=self.start_queue,
            snapshot_queue=self.snapshot_queue,
            alerts=self.alerts,
            clock=self.clock,
            prices=PriceTable.built_in,
            processing_instances=lambda: self.processing_instances,
            image=lambda address: ImageVersion(address, "sha256:" + "a" * 64),
            hooks=self.hooks,
        )
        return accept(upload, platform)

    def submit(self, content: str | bytes, key: str = "experiments/blobs.yaml") -> Accepted:
        return self.launch(self.upload(content, key))

    def start(self, *, store: StateStore | None = None) -> RoundReport:
        """Invoke start_trials once."""
        self.rounds += 1
        return Round(
            launcher=self.launcher(store or self.store), queue=self.start_queue, round_id=f"request-{self.rounds}"
        ).run()

    def launcher(self, store: StateStore) -> Launcher:
        began = self.clock.now()

        def seconds_left() -> float:
            return self.invocation_seconds - (self.clock.now() - began).total_seconds()

        return Launcher(
            store=store,
            training=self.training,
            alerts=self.alerts,
            snapshot_queue=self.snapshot_queue,
            clock=self.clock,
            bucket=TokenBucket(self.clock, self.rate),
            name_prefix=DEPLOYMENT.name_prefix,
            artifacts_bucket=DEPLOYMENT.artifacts_bucket,
            engines=Engines(
                store=store,
                alerts=self.alerts,
                clock=self.clock,
                artifacts_bucket=DEPLOYMENT.artifacts_bucket,
                tries=self.tries_debugger,
            ),
            limits=LaunchLimits(store=store, alerts=self.alerts, clock=self.clock),
            tracking=Tracking(
                store=store,
                training=self.training,
                clock=self.clock,
                name_prefix=DEPLOYMENT.name_prefix,
                experiments_bucket=DEPLOYMENT.experiments_bucket,
                artifacts_bucket=DEPLOYMENT.artifacts_bucket,
                seconds_left=seconds_left,
            ),
            seconds_left=seconds_left,
            paces=Paces(store=store, clock=self.clock, pacing=self.pacing) if self.pacing else None,
        )

    def tracker(self) -> Tracker:
        return Tracker(
            store=self.store,
            training=self.training,
            start_queue=self.start_queue,
            evaluate_queue=self.evaluate_queue,
            snapshot_queue=self.snapshot_queue,
            alerts=self.alerts,
            clock=self.clock,
            repairer=Repairer(store=self.store, checkpoints=self.checkpoints, alerts=self.alerts, clock=self.clock),
        )

    def finish(self, job_name: str, status: str = "Completed", **known: object) -> TrackingOutcome:
        self.clock.advance(1)
        return self.tracker().track(self.training.finish(job_name, status, **known))

    def trials(self, state: TrialState | None = None) -> list[TrialRecord]:
        found = sorted(self.store.trials.values(), key=lambda trial: (trial.experiment, trial.index))
        return [trial for trial in found if state is None or trial.state is state]


def example(name: str = "blobs") -> str:
    return (EXAMPLES / f"{name}.yaml").read_text()
