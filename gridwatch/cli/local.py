"""`gridwatch local up`: runs the embedded cloud until it is told to stop."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridwatch.cli.errors import CliError
from gridwatch.cli.local_state import RunningCloud, forget, recall, remembered, state_file
from gridwatch.cli.output import console, visible_lines
from gridwatch.cli.settings import project_root
from gridwatch.cli.synthesis import synthesized
from gridwatch.cli.workshop import make_ready

if TYPE_CHECKING:
    from gridwatch.localcloud import LocalCloud

app = typer.Typer(no_args_is_help=True)


@dataclass(frozen=True, slots=True)
class DeployedCloud:
    """A local cloud with the template deployed into it, and the stack's outputs."""

    cloud: RunningCloud
    outputs: Mapping[str, str]


def _limit(metavar: str, text: str) -> Any:
    return typer.Option(metavar=metavar, help=text)


def _share(text: str) -> Any:
    return typer.Option(metavar="SHARE", help=text, min=0.0, max=1.0)


@app.callback()
def root() -> None:
    """The embedded cloud on this machine."""


@app.command("up")
def up(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 4566,
    *,
    rate: Annotated[
        list[str] | None, _limit("[OPERATION=]N", "Calls of SageMaker a second; beyond: throttled.")
    ] = None,
    burst: Annotated[int, typer.Option(help="Calls that may come at once under --rate.", min=1)] = 1,
    quota: Annotated[list[str] | None, _limit("[TYPE=]N", "Instances in use; beyond: ResourceLimitExceeded.")] = None,
    throttle: Annotated[float, _share("Calls throttled by chance, 0 to 1.")] = 0.0,
    capacity_failures: Annotated[float, _share("Jobs that fail for lack of capacity, 0 to 1.")] = 0.0,
    debugger: Annotated[bool, typer.Option("--debugger", help="The account has SageMaker Debugger.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Enforce IAM on every call of functions and jobs.")] = False,
    lambda_limits: Annotated[
        bool, typer.Option("--lambda-limits", help="Give functions the memory and processor time that Lambda does.")
    ] = False,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep everything there, and go on from what is there.")
    ] = None,
) -> None:
    """Start the embedded cloud, deploy Gridwatch into it and stay. Prints what points any AWS client at it.

    The account has no limits but those that are asked for, and no Debugger unless it is (docs/localcloud.md).
    """
    limits = [f"--rate={each}" for each in rate or []] + [f"--quota={each}" for each in quota or []]
    limits += [f"--burst={burst}", f"--throttle={throttle}", f"--capacity-failures={capacity_failures}"]
    limits += ["--debugger"] if debugger else []
    limits += ["--strict"] if strict else []
    limits += ["--lambda-limits"] if lambda_limits else []
    said = console(stderr=True)
    _refuse_taken(port)
    with interrupted_by_termination():
        said.print("synthesizing the template …")
        make_ready(project_root(), said.print)
        assembly, _ = synthesized(project_root())
        said.print("starting the embedded cloud …")
        with started(port, limits, state) as local:
            outputs = deploy(assembly, local)
            cloud = running(local)
            with remembered(cloud, state_file()):
                _announce(cloud, outputs)
                kept = f"; all of it is kept in {state}" if state else " and everything in it"
                said.print(f"ready; Ctrl-C ends it{kept}", markup=False)
                _stay(local)


def _refuse_taken(port: int) -> None:
    """Raise CliError at once if the port is taken, before the template is synthesized."""
    from gridwatch.localcloud.ports import PortError, refuse_taken  # noqa: PLC0415  only this command needs it

    try:
        refuse_taken("127.0.0.1", port)
    except PortError as error:
        mine = recall(state_file())
        by = ", where a local cloud runs already" if mine and mine.endpoint_url.endswith(f":{port}") else ""
        told, _, advice = str(error).partition("; ")
        raise CliError(f"{told}{by}; {advice}") from error


@app.command("leave")
def leave() -> None:
    """Let commands go to AWS again, after they have talked to a local cloud."""
    cloud = forget(state_file())
    if cloud is None:
        console(stderr=True).print("no local cloud is remembered here: commands go where the shell points, else to AWS")
        return
    runs = "which still runs: its own terminal ends it" if cloud.answers() else "which has ended"
    console(stderr=True).print(f"commands talk to {cloud.endpoint_url} no more, {runs}")


@contextmanager
def started(port: int = 0, options: Sequence[str] = (), state: Path | None = None) -> Iterator[LocalCloud]:
    """A local cloud while the block runs; `options` are those of its own command. With `state` it continues from what
    is kept in that folder. Raises CliError when it does not start.
    """
    from gridwatch.localcloud import LocalCloud, LocalCloudError  # noqa: PLC0415  only these commands need it

    try:
        persistent = ["--persist"] if state is not None else []
        local = LocalCloud.start(port=port, state_dir=state, options=[*options, *persistent])
    except LocalCloudError as error:
        raise CliError(str(error)) from error
    with local:
        yield local


def deploy(assembly: Path, local: LocalCloud) -> Mapping[str, str]:
    """Deploy the synthesized template; returns the stack's outputs. Raises CliError when it does not come up."""
    # only these commands need it
    from gridwatch.localcloud.assets import AssetError  # noqa: PLC0415
    from gridwatch.localcloud.deploy import DeployError  # noqa: PLC0415
    from gridwatch.localcloud.deploy import deploy as deploy_assembly  # noqa: PLC0415

    try:
        return deploy_assembly(assembly, local.endpoint, region=local.region)
    except (AssetError, DeployError) as error:
        raise CliError(str(error)) from error


def running(local: LocalCloud) -> RunningCloud:
    environment = local.environment()
    return RunningCloud(
        endpoint_url=local.endpoint,
        access_key_id=environment["AWS_ACCESS_KEY_ID"],
        secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region=local.region,
    )


@contextmanager
def interrupted_by_termination() -> Iterator[None]:
    """A block that SIGTERM ends as Ctrl-C does, so that the processes it started end too."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _announce(cloud: RunningCloud, outputs: Mapping[str, str]) -> None:
    """Print on stdout the lines that set a shell's environment."""
    buckets = {
        "GRIDWATCH_EXPERIMENTS_BUCKET": outputs["ExperimentsBucket"],
        "GRIDWATCH_ARTIFACTS_BUCKET": outputs["ArtifactsBucket"],
    }
    for name, value in {**cloud.environment(), **buckets}.items():
        print(f"export {name}={shlex.quote(value)}")
    sys.stdout.flush()


def _relay(local: LocalCloud) -> None:
    for line in local.complaints():
        print(f"gridwatch: {visible_lines(line)}", file=sys.stderr, flush=True)


def _stay(local: LocalCloud) -> None:
    threading.Thread(target=_relay, args=(local,), daemon=True).start()
    code = local.wait()
    raise CliError(f"the embedded cloud ended by itself (exit code {code})")
