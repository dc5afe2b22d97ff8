"""One training job from Starting to its end, as a thread around a process."""

import logging
import shutil
import threading
import uuid
from collections.abc import Sequence
from dataclasses import replace

from localcloud import clock
from localcloud.sagemaker import logs, storage
from localcloud.sagemaker.images import Image
from localcloud.sagemaker.layout import Layout, lay_out
from localcloud.sagemaker.limits import NO_CAPACITY
from localcloud.sagemaker.metrics import LogMetrics
from localcloud.sagemaker.platform import Platform
from localcloud.sagemaker.process import JobProcess
from localcloud.sagemaker.records import FAILURE_REASON_LIMIT, TrainingJob
from localcloud.sagemaker.rules import RuleRunner
from localcloud.sagemaker.state import JobStore

_LOG = logging.getLogger(__name__)
_TICK = 0.1


class _StopAskedError(Exception):
    """The job is Stopping: no further phase begins."""


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
        # The name alone would do, but for a forgotten job that is still clearing up when its name comes again.
        self._base = platform.scratch / "jobs" / f"{job.name}-{uuid.uuid4().hex[:8]}"
        self._metrics = LogMetrics.parse(image.metric_definitions(job.request))
        self._s3 = None
        self._process: JobProcess | None = None
        self._abandoned = False
        self.thread = threading.Thread(target=self._run, name=f"job-{job.name}", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """The record is already Stopping: end the process."""
        self._stop.set()

    def abandon(self) -> None:
        """End the job at once, without the grace of a stop: nobody will ask for it any more."""
        self._abandoned = True
        self._stop.set()
        if self._process:
            self._process.kill()

    def _run(self) -> None:
        try:
            self._stages()
        except _StopAskedError:
            self._enter("Stopped", forced=True)
        except storage.InputError as error:
            self._fail(str(error))
        except Exception:  # noqa: BLE001  (the edge of the job's thread: whatever it is, the job must end)
            _LOG.exception("job %s", self._job.name)
            self._fail("InternalServerError: We encountered an internal error. Please try again.")
        finally:
            for rule in self._rules:
                rule.training_ended()
            if not self._platform.settings.keep_folders:
                shutil.rmtree(self._base, ignore_errors=True)

    def _stages(self) -> None:
        settings = self._platform.settings
        self._pause(settings.starting_delay)
        if self._platform.limits.lacks_capacity(self._job.name):
            self._fail(NO_CAPACITY)
            return
        self._enter("Downloading")
        self._s3 = self._platform.client("s3")
        layout = lay_out(self._job.request, self._base)
        for channel in self._job.request.get("InputDataConfig", []):
            storage.download_channel(self._s3, channel, layout.data / channel["ChannelName"])
        synced = self._synced(layout)
        self._enter("Training")
        log = self._open_log()
        code, reason = self._train(layout, log, synced)
        if self._abandoned:
            return
        for sync in synced:
            sync.flush()
        if self._job.tensors_uri:
            storage.mark_end(self._s3, self._job.tensors_uri)
        log.flush()
        self._store.update(self._job.name, lambda job: replace(job, metrics=self._metrics.series()), announce=False)
        self._finish(layout, code, reason)

    def _train(self, layout: Layout, log: logs.LogStream, synced: Sequence[storage.FolderSync]) -> tuple[int, str]:
        """Run the process to its end; returns its exit code and why it ended: exit, stop or timeout."""

        def on_line(line: str) -> None:
            self._metrics.read(line, clock.now())
            log.write(line)

        process = JobProcess.start(
            self._image.command,
            environment=self._environment(layout),
            folder=self._base,
            guard=self._platform.guard,
            on_line=on_line,
        )
        self._process = process
        for rule in self._rules:
            rule.start()
        try:
            reason = self._watch(process, log, synced)
        finally:
            code = process.finish()
        if reason == "exit" and code and not layout.failure.exists():
            layout.failure.write_text(_failure_from(process.tail))
        return code, reason

    def _watch(self, process: JobProcess, log: logs.LogStream, synced: Sequence[storage.FolderSync]) -> str:
        limit = self._job.request["StoppingCondition"].get("MaxRuntimeInSeconds", 86400)
        deadline = clock.monotonic() + limit
        next_sync = 0.0
        while process.running and not self._stop.is_set() and clock.monotonic() < deadline:
            if clock.monotonic() >= next_sync:
                log.flush()
                for sync in synced:
                    sync.look()
                self._store.update(
                    self._job.name, lambda job: replace(job, metrics=self._metrics.series()), announce=False
                )
                next_sync = clock.monotonic() + self._platform.settings.sync_interval
            self._stop.wait(_TICK)
        if not process.running and not self._stop.is_set():
            return "exit"
        timed_out = not self._stop.is_set()
        if timed_out:
            self._enter("Stopping")
        process.terminate()
        process.wait(0 if self._abandoned else self._platform.settings.stop_grace)
        return "timeout" if timed_out else "stop"

    def _finish(self, layout: Layout, code: int, reason: str) -> None:
        if reason == "exit" and code == 0:
            self._enter("Uploading")
            self._upload(layout)
            self._pause(self._platform.settings.uploading_delay)
            self._enter("Completed")
        elif reason == "exit":
            self._upload_output(layout)
            text = layout.failure.read_text(errors="replace").strip()
            self._fail(f"AlgorithmError: {text}"[: FAILURE_REASON_LIMIT - 20] + f", exit code: {code}")
        else:
            self._upload(layout)
            self._enter("MaxRuntimeExceeded" if reason == "timeout" else "Stopped", forced=True)

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

    def _synced(self, layout: Layout) -> list[storage.FolderSync]:
        synced = []
        if uri := self._job.tensors_uri:
            local = layout.local(self._job.request["DebugHookConfig"].get("LocalPath", "/opt/ml/output/tensors"))
            synced.append(storage.FolderSync(self._s3, local, uri))
        if checkpoint := self._job.request.get("CheckpointConfig"):
            local = layout.local(checkpoint.get("LocalPath", "/opt/ml/checkpoints"))
            sync = storage.FolderSync(self._s3, local, checkpoint["S3Uri"])
            sync.download()
            synced.append(sync)
        return synced

    def _open_log(self) -> logs.LogStream:
        stream = f"{self._job.name}/algo-1-{int(clock.now())}"
        return logs.LogStream.create(self._platform.client("logs"), logs.GROUP, stream)

    def _environment(self, layout: Layout) -> dict[str, str]:
        temporary = self._base / "tmp"
        temporary.mkdir()
        hook = layout.config / "debughookconfig.json"
        return {
            **self._platform.environment(self._job.request["RoleArn"]),
            "HOME": str(self._base),
            "TMPDIR": str(temporary),
            "SAGEMAKER_BASE_DIR": str(self._base),
            "TRAINING_JOB_NAME": self._job.name,
            "TRAINING_JOB_ARN": self._job.arn,
            "SM_CHECKPOINT_CONFIG_FILE": str(layout.config / "checkpointconfig.json"),
            # Where nobody asked for a hook there is no such file, and a hook must not look for it.
            **({"SMDEBUG_CONFIG_FILE_PATH": str(hook)} if hook.exists() else {}),
            **layout.moved(self._job.request.get("Environment", {})),
        }

    def _pause(self, seconds: float) -> None:
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


def _failure_from(tail: Sequence[str]) -> str:
    return "ExecuteUserScriptError:\n" + "\n".join(tail)
