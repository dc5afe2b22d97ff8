"""One attempt at a training job: its hosts, each a process with a folder, input, log and synced folders of its own."""

import shutil
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gridwatch.localcloud import clock
from gridwatch.localcloud.sagemaker import logs
from gridwatch.localcloud.sagemaker.channels import InputError, Share, check_channel, download_channel, stream_channel
from gridwatch.localcloud.sagemaker.images import Image
from gridwatch.localcloud.sagemaker.layout import Host, Layout, channels_of, hosts_of, input_mode, lay_out
from gridwatch.localcloud.sagemaker.mlflow import with_local_store
from gridwatch.localcloud.sagemaker.pipes import PipeFeeder
from gridwatch.localcloud.sagemaker.platform import Platform
from gridwatch.localcloud.sagemaker.process import JobProcess
from gridwatch.localcloud.sagemaker.records import TrainingJob
from gridwatch.localcloud.sagemaker.storage import FolderSync

_LAST_WORDS = 900  # characters; a reason has 1,024


class HostRun:
    """One host of one attempt."""

    def __init__(self, host: Host, layout: Layout, feeders: Sequence[PipeFeeder], syncs: Sequence[FolderSync]) -> None:
        self.host = host
        self.layout = layout
        self.exit_code: int | None = None
        self._feeders = feeders
        self._syncs = syncs
        self._process: JobProcess | None = None
        self._log: logs.LogStream | None = None

    @classmethod
    def prepare(cls, job: TrainingJob, host: Host, base: Path, s3: Any) -> "HostRun":
        """Create the host's folder, copy its input, restore its checkpoints. Raises InputError."""
        layout = lay_out(job.request, base, host)
        feeders = []
        for channel in channels_of(job.request, host):
            name, share = channel["ChannelName"], _share(job.request, channel, host)
            if input_mode(channel, job.request) == "Pipe":
                check_channel(s3, channel)
                feeders.append(PipeFeeder(layout.data / name, partial(stream_channel, s3, channel, share)))
            else:
                download_channel(s3, channel, layout.data / name, share)
        return cls(host, layout, feeders, _synced(job, layout, s3))

    def start(
        self,
        job: TrainingJob,
        image: Image,
        platform: Platform,
        *,
        shared: Mapping[str, str],
        on_line: Callable[[str], None],
    ) -> None:
        """Start the image's command; ``shared`` are the variables that all hosts of the attempt share."""
        stream = f"{job.name}/{self.host.name}-{int(clock.now())}"
        log = self._log = logs.LogStream.create(platform.client_as("logs", job.request["RoleArn"]), logs.GROUP, stream)
        for feeder in self._feeders:
            feeder.start()

        def read(line: str) -> None:
            on_line(line)
            log.write(line)

        self._process = JobProcess.start(
            image.command,
            environment={**shared, **_environment(job, platform, self.layout)},
            folder=self.layout.base,
            guard=platform.guard,
            on_line=read,
        )

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def has_failed(self) -> bool:
        """Whether the process has ended by itself with a failure."""
        return self._process is not None and self._process.exit_code not in (None, 0)

    @property
    def problem(self) -> str | None:
        """The reason why a pipe of this host ended early."""
        return next((feeder.problem for feeder in self._feeders if feeder.problem), None)

    def look(self) -> None:
        """Send what is new: log lines, tensors, checkpoints."""
        if self._log:
            self._log.flush()
        for sync in self._syncs:
            sync.look()

    def terminate(self) -> None:
        if self._process:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        if self._process:
            self._process.wait(seconds)

    def kill(self) -> None:
        if self._process:
            self._process.kill()

    def finish(self) -> None:
        """End whatever is left, and determine the exit code."""
        if self._process:
            self.exit_code = self._process.finish()
        for feeder in self._feeders:
            feeder.stop()

    def send_rest(self) -> None:
        """Send everything that is not yet in S3 and in the log, after the process has ended."""
        for sync in self._syncs:
            sync.flush()
        if self._log:
            self._log.flush()

    def failure(self) -> str:
        """The reason that the process left, else its last words."""
        if self.layout.failure.exists():
            return self.layout.failure.read_text(errors="replace").strip()
        words = "\n".join(self._process.tail if self._process else ())
        # A traceback says at its end what is wrong.
        return f"ExecuteUserScriptError:\n{words[-_LAST_WORDS:]}"


class Cluster:
    """The hosts of one attempt, from their input to their end."""

    def __init__(self, runs: Sequence[HostRun], base: Path) -> None:
        self.runs = runs
        self._base = base

    @classmethod
    def prepare(cls, job: TrainingJob, base: Path, s3: Any) -> "Cluster":
        """Prepare every host's folder under ``base``, with its input. Raises InputError."""
        hosts = hosts_of(job.request["ResourceConfig"])
        return cls([HostRun.prepare(job, host, base / host.name, s3) for host in hosts], base)

    def start(self, job: TrainingJob, image: Image, platform: Platform, on_line: Callable[[str], None]) -> None:
        # Names such as algo-1 resolve nowhere here: all hosts are this one.
        loopback = "lo0" if sys.platform == "darwin" else "lo"
        shared = {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(_free_port()),
            "GLOO_SOCKET_IFNAME": loopback,
        }
        for run in self.runs:
            run.start(job, image, platform, shared=shared, on_line=on_line)

    @property
    def running(self) -> bool:
        """Whether any host runs and none has failed: a cluster that lost a host has failed."""
        return any(run.running for run in self.runs) and self.failed is None

    @property
    def failed(self) -> HostRun | None:
        return next((run for run in self.runs if run.has_failed), None)

    def check_input(self) -> None:
        """Check the pipes. Raises InputError when one ended early."""
        for run in self.runs:
            if run.problem:
                raise InputError(run.problem)

    def look(self) -> None:
        for run in self.runs:
            run.look()

    def terminate(self, grace: float) -> None:
        """Send SIGTERM to every host; returns when all have ended or the grace period is over."""
        deadline = clock.monotonic() + grace
        for run in self.runs:
            run.terminate()
        for run in self.runs:
            run.wait(max(0.0, deadline - clock.monotonic()))

    def kill(self) -> None:
        for run in self.runs:
            run.kill()

    def finish(self) -> None:
        for run in self.runs:
            run.finish()

    def send_rest(self) -> None:
        for run in self.runs:
            run.send_rest()

    def gather(self) -> Layout:
        """The first host's folder, with the other hosts' model and output files that it does not have itself."""
        first = self.runs[0].layout
        for run in self.runs[1:]:
            _move_new(run.layout.model, first.model)
            _move_new(run.layout.output / "data", first.output / "data")
        return first

    def remove(self) -> None:
        shutil.rmtree(self._base, ignore_errors=True)


def _share(request: Mapping[str, Any], channel: Mapping[str, Any], host: Host) -> Share:
    """The host's share, among the hosts that get the channel at all."""
    name = channel["ChannelName"]
    seeing = [
        each
        for each in hosts_of(request["ResourceConfig"])
        if any(seen["ChannelName"] == name for seen in channels_of(request, each))
    ]
    return Share(seeing.index(host), len(seeing))


def _synced(job: TrainingJob, layout: Layout, s3: Any) -> list[FolderSync]:
    synced = []
    if uri := job.tensors_uri:
        local = layout.local(job.request["DebugHookConfig"].get("LocalPath", "/opt/ml/output/tensors"))
        synced.append(FolderSync(s3, local, uri))
    if checkpoint := job.request.get("CheckpointConfig"):
        local = layout.local(checkpoint.get("LocalPath", "/opt/ml/checkpoints"))
        sync = FolderSync(s3, local, checkpoint["S3Uri"])
        sync.download()
        synced.append(sync)
    return synced


def _environment(job: TrainingJob, platform: Platform, layout: Layout) -> dict[str, str]:
    temporary = layout.base / "tmp"
    temporary.mkdir()
    hook = layout.config / "debughookconfig.json"
    return {
        **platform.environment(job.request["RoleArn"]),
        "HOME": str(layout.base),
        "TMPDIR": str(temporary),
        "SAGEMAKER_BASE_DIR": str(layout.base),
        "TRAINING_JOB_NAME": job.name,
        "TRAINING_JOB_ARN": job.arn,
        # Where nobody asked for a hook there is no such file, and a hook must not look for it.
        **({"SMDEBUG_CONFIG_FILE_PATH": str(hook)} if hook.exists() else {}),
        "SM_CHECKPOINT_CONFIG_FILE": str(layout.config / "checkpointconfig.json"),
        **with_local_store(layout.moved(job.request.get("Environment", {})), platform.mlflow_stores),
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _move_new(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        wanted = target / path.relative_to(source)
        if path.is_file() and not wanted.exists():
            wanted.parent.mkdir(parents=True, exist_ok=True)
            path.replace(wanted)
