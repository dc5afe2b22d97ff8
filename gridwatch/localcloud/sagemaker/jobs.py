"""One training job from Starting to its end, as a thread around one or more attempts."""

import logging
import shutil
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gridwatch.localcloud import clock
from gridwatch.localcloud.sagemaker import storage
from gridwatch.localcloud.sagemaker.channels import InputError
from gridwatch.localcloud.sagemaker.cluster import Cluster, HostRun
from gridwatch.localcloud.sagemaker.images import Image
from gridwatch.localcloud.sagemaker.interruption import Interruption
from gridwatch.localcloud.sagemaker.layout import Layout
from gridwatch.localcloud.sagemaker.limits import NO_CAPACITY
from gridwatch.localcloud.sagemaker.metrics import LogMetrics
from gridwatch.localcloud.sagemaker.platform import Platform
from gridwatch.localcloud.sagemaker.records import FAILURE_REASON_LIMIT, TrainingJob
from gridwatch.localcloud.sagemaker.rules import RuleRunner
from gridwatch.localcloud.sagemaker.state import JobStore

_LOG = logging.getLogger(__name__)
_TICK = 0.1
_INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."


class _StopAskedError(Exception):
    """Raised when the job is Stopping, so that no further phase begins."""


@dataclass(frozen=True, slots=True)
class _AttemptEnd:
    """Why an attempt ended: ``exit`` (``failed``: the host that failed, if one did), ``stop``, ``interrupted``, or the
    status that a limit of time leads to.
    """

    reason: str
    failed: HostRun | None = None


class JobRunner:
    """Drives one job through its phases; every phase change goes through the store, which announces it."""

    def __init__(
        self, job: TrainingJob, image: Image, store: JobStore, platform: Platform, rules: Sequence[RuleRunner]
    ) -> None:
        self._job = job
        self._image = image
        self._store = store
        self._platform = platform
        self._rules = rules
        self._stop = threading.Event()
        self._wake = threading.Event()  # a stop or an interruption
        self._interruption: Interruption | None = None
        self._lock = threading.Lock()
        # The name alone would do, but for a forgotten job that is still clearing up when its name comes again.
        self._base = platform.scratch / "jobs" / f"{job.name}-{uuid.uuid4().hex[:8]}"
        self._metrics = LogMetrics.parse(image.metric_definitions(job.request))
        self._s3: Any = None
        self._cluster: Cluster | None = None
        self._abandoned = False
        self._begun = clock.monotonic()
        self._trained = 0.0  # seconds, in earlier attempts
        self._retries = job.request.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
        self.thread = threading.Thread(target=self._run, name=f"job-{job.name}", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """End the process of a job whose record is already Stopping."""
        self._stop.set()
        self._wake.set()

    def interrupt(self, interruption: Interruption) -> bool:
        """Take the machines away; False when another interruption is still under way."""
        with self._lock:
            if self._interruption is not None:
                return False
            self._interruption = interruption
        self._wake.set()
        return True

    def abandon(self) -> None:
        """End the job at once, without the grace of a stop: nobody will ask for it any more."""
        self._abandoned = True
        self.stop()
        if self._cluster:
            self._cluster.kill()

    def _run(self) -> None:
        try:
            self._stages()
        except _StopAskedError:
            self._enter("Stopped", forced=True)
        except InputError as error:
            self._fail(str(error))
        except Exception:  # noqa: BLE001  (the edge of the job's thread: whatever it is, the job must end)
            _LOG.exception("job %s", self._job.name)
            self._fail(_INTERNAL_ERROR)
        finally:
            for rule in self._rules:
                rule.training_ended()
            if not self._platform.settings.keep_folders:
                shutil.rmtree(self._base, ignore_errors=True)

    def _stages(self) -> None:
        self._s3 = self._platform.client_as("s3", self._job.request["RoleArn"])
        number = 1
        outcome = self._attempt(number)
        while outcome is not None and outcome.reason == "interrupted":
            if not self._has_machines_again():
                outcome = None
                break
            number += 1
            outcome = self._attempt(number)
        if self._abandoned:
            return
        if self._job.tensors_uri:
            storage.mark_end(self._s3, self._job.tensors_uri)
        if outcome is not None:
            self._finish(outcome)

    def _attempt(self, number: int) -> _AttemptEnd | None:
        """Train on new machines; None when there are none, or the job was abandoned."""
        self._pause(self._platform.settings.starting_delay)
        if self._platform.limits.lacks_capacity(self._job.name):
            self._fail(NO_CAPACITY)
            return None
        self._enter("Downloading")
        self._cluster = cluster = Cluster.prepare(self._job, self._base / f"attempt-{number}", self._s3)
        self._enter("Training")
        try:
            outcome = self._train(cluster, first=number == 1)
        finally:
            if not self._abandoned:
                cluster.send_rest()
                self._keep_metrics()
        if self._abandoned:
            return None
        cluster.check_input()
        if outcome.reason == "interrupted" and not self._platform.settings.keep_folders:
            cluster.remove()
        return outcome

    def _train(self, cluster: Cluster, *, first: bool) -> _AttemptEnd:
        """Run the processes to their end."""
        begun = clock.monotonic()
        try:
            cluster.start(self._job, self._image, self._platform, lambda line: self._metrics.read(line, clock.now()))
            if first:
                for rule in self._rules:
                    rule.start()
            return self._watch(cluster)
        finally:
            cluster.finish()
            self._trained += clock.monotonic() - begun

    def _watch(self, cluster: Cluster) -> _AttemptEnd:
        deadline, beyond = self._deadline()
        next_sync = 0.0
        while cluster.running and not self._wake.is_set() and clock.monotonic() < deadline:
            cluster.check_input()
            if clock.monotonic() >= next_sync:
                cluster.look()
                self._keep_metrics()
                next_sync = clock.monotonic() + self._platform.settings.sync_interval
            self._wake.wait(_TICK)
        if not cluster.running and not self._wake.is_set():
            return _AttemptEnd("exit", cluster.failed)
        reason = "stop" if self._stop.is_set() else "interrupted" if self._interruption else beyond
        if reason == beyond:
            self._enter("Stopping")
        cluster.terminate(0 if self._abandoned else self._platform.settings.stop_grace)
        # Who is asked to stop while the machines are taken away does not go on elsewhere.
        return _AttemptEnd("stop" if self._stop.is_set() and reason == "interrupted" else reason)

    def _deadline(self) -> tuple[float, str]:
        """The time limit, and the status that it leads to: all attempts count, and for spot jobs the waits too."""
        limits = self._job.request["StoppingCondition"]
        runtime = clock.monotonic() + limits.get("MaxRuntimeInSeconds", 86400) - self._trained
        waiting = self._waits_until()
        return (waiting, "MaxWaitTimeExceeded") if waiting < runtime else (runtime, "MaxRuntimeExceeded")

    def _waits_until(self) -> float:
        longest: float = self._job.request["StoppingCondition"].get("MaxWaitTimeInSeconds", float("inf"))
        return self._begun + longest

    def _has_machines_again(self) -> bool:
        """Wait for capacity after an interruption; False when the job ends instead."""
        with self._lock:
            interruption, self._interruption = self._interruption or Interruption(), None
        if not self._stop.is_set():
            self._wake.clear()
        if interruption.cause == "internal-error":
            if self._retries <= 0:
                self._fail(_INTERNAL_ERROR)
                return False
            self._retries -= 1
            self._enter("Restarting")
        else:
            self._enter("Interrupted")
        capacity, patience = interruption.capacity_after, self._waits_until() - clock.monotonic()
        if capacity is None or capacity > patience:
            # Without a limit (no spot job has none) it waits until somebody stops it.
            self._pause(None if patience == float("inf") else max(0.0, patience))
            self._enter("MaxWaitTimeExceeded")
            return False
        self._pause(capacity)
        self._enter("Starting")
        return True

    def _finish(self, outcome: _AttemptEnd) -> None:
        if self._cluster is None:
            return
        failed = outcome.failed
        if outcome.reason == "exit" and failed is None:
            layout = self._cluster.gather()
            self._enter("Uploading")
            self._upload(layout)
            self._pause(self._platform.settings.uploading_delay)
            self._enter("Completed")
        elif outcome.reason == "exit" and failed is not None:
            self._upload_output(self._cluster.gather())
            where = f"[{failed.host.name}] " if len(self._cluster.runs) > 1 else ""
            reason = f"AlgorithmError: {where}{failed.failure()}"
            self._fail(reason[: FAILURE_REASON_LIMIT - 20] + f", exit code: {failed.exit_code}")
        else:
            self._upload(self._cluster.gather())
            self._enter("Stopped" if outcome.reason == "stop" else outcome.reason, forced=True)

    def _upload(self, layout: Layout) -> None:
        if any(layout.model.iterdir()) or self._store.get(self._job.name).status == "InProgress":
            uri = self._job.model_artifact
            send = storage.upload_archive if uri.endswith(".tar.gz") else storage.upload_folder
            send(self._s3, layout.model, uri)
            self._store.update(self._job.name, lambda job: replace(job, has_model=True), announce=False)
        self._upload_output(layout)

    def _upload_output(self, layout: Layout) -> None:
        data = layout.output / "data"
        if any(data.iterdir()):
            root = self._job.request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
            storage.upload_archive(self._s3, data, f"{root}/{self._job.name}/output/output.tar.gz")

    def _keep_metrics(self) -> None:
        self._store.update(self._job.name, lambda job: replace(job, metrics=self._metrics.series()), announce=False)

    def _pause(self, seconds: float | None) -> None:
        if self._stop.wait(seconds):
            raise _StopAskedError

    def _enter(self, status: str, forced: bool = False) -> None:
        def change(job: TrainingJob) -> TrainingJob:
            if job.status == "Stopping" and not forced:
                raise _StopAskedError
            return job.entering(status, clock.now())

        self._store.update(self._job.name, change)

    def _fail(self, reason: str) -> None:
        reason = reason[:FAILURE_REASON_LIMIT]
        now = clock.now()
        self._store.update(
            self._job.name, lambda job: replace(job.entering("Failed", now, reason), failure_reason=reason)
        )
