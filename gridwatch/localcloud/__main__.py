"""``python -m gridwatch.localcloud``: start the local cloud and print one JSON line when it is ready."""

import argparse
import ipaddress
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gridwatch.localcloud.confining import is_possible
from gridwatch.localcloud.sagemaker.images import ImageMapError
from gridwatch.localcloud.sagemaker.limits import ALL_TRAINING, EACH, Limits
from gridwatch.localcloud.sagemaker.platform import JobSettings
from gridwatch.localcloud.server import run
from gridwatch.localcloud.server_settings import ServerSettings

N = TypeVar("N", int, float)


def main() -> int:
    options = _parser().parse_args()
    jobs = JobSettings(
        starting_delay=options.starting_delay,
        stop_grace=options.stop_grace,
        threads_per_job=options.threads_per_job,
        keep_folders=options.keep_folders,
    )
    settings = ServerSettings(
        host=options.host,
        port=options.port,
        region=options.region,
        state_dir=options.state_dir,
        images=options.images,
        templates=tuple(options.template),
        persist=options.persist,
        follow_stdin=options.follow_stdin,
        workers_per_function=options.workers_per_function,
        strict=options.strict,
        lambda_limits=options.lambda_limits,
        jobs=jobs,
        limits=_limits(options),
    )
    if options.persist and not settings.state_dir:
        sys.stderr.write("localcloud: --persist needs a --state-dir\n")
        return 2
    if settings.lambda_limits and not is_possible():
        sys.stderr.write("localcloud: --lambda-limits needs /proc, which says what a process uses: use Linux\n")
        return 2
    if settings.state_dir:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
    try:
        return run(settings)
    except (ImageMapError, OSError) as error:
        sys.stderr.write(f"localcloud: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    defaults = JobSettings()
    parser = argparse.ArgumentParser(
        prog="python -m gridwatch.localcloud", description="AWS, as far as Gridwatch needs it, on this machine"
    )
    parser.add_argument("--host", type=_loopback, default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument(
        "--state-dir", type=Path, help="log and unpacked functions; without it a folder that goes at the end"
    )
    parser.add_argument(
        "--persist", action="store_true", help="keep everything in --state-dir, and go on from what is there"
    )
    parser.add_argument("--images", type=Path, help="an image map (TOML or JSON) that comes before the built-in one")
    parser.add_argument(
        "--template", type=Path, action="append", default=[], help="a synthesized cdk.out to deploy first"
    )
    parser.add_argument("--follow-stdin", action="store_true", help="end when standard input ends")
    parser.add_argument("--workers-per-function", type=int, default=4)
    parser.add_argument("--strict", action="store_true", help="check signatures, and enforce IAM on every call")
    parser.add_argument(
        "--lambda-limits", action="store_true", help="give functions the memory and the processor time that Lambda does"
    )
    parser.add_argument("--threads-per-job", type=int, default=defaults.threads_per_job)
    parser.add_argument(
        "--starting-delay", type=float, default=defaults.starting_delay, help="seconds a job is Starting"
    )
    parser.add_argument(
        "--stop-grace", type=float, default=defaults.stop_grace, help="seconds between SIGTERM and SIGKILL"
    )
    parser.add_argument("--keep-folders", action="store_true", help="keep the jobs' folders for a look")
    _add_limits(parser)
    return parser


def _add_limits(parser: argparse.ArgumentParser) -> None:
    limits = parser.add_argument_group(
        "limits of the account; without these options there are none, and there is no Debugger"
    )
    limits.add_argument(
        "--rate", action="append", default=[], type=_named(float), metavar="[OPERATION=]N",
        help="calls of SageMaker a second, of each operation or of one; beyond: ThrottlingException",
    )  # fmt: skip
    limits.add_argument("--burst", type=int, default=1, help="calls that may come at once under --rate")
    limits.add_argument(
        "--throttle", type=_share, default=0.0, metavar="SHARE", help="calls throttled by chance, 0 to 1"
    )
    limits.add_argument(
        "--quota", action="append", default=[], type=_named(int), metavar="[TYPE=]N",
        help="instances of all training jobs, of one instance type, or of all processing jobs (processing=N); "
        "trials of an experiment (trials=N, else 300), components of a trial (components=N, else 50); "
        "beyond: ResourceLimitExceeded",
    )  # fmt: skip
    limits.add_argument(
        "--capacity-failures", type=_share, default=0.0, metavar="SHARE",
        help="training jobs that fail for lack of capacity, 0 to 1",
    )  # fmt: skip
    limits.add_argument("--debugger", action="store_true", help="the account has SageMaker Debugger")
    limits.add_argument("--search-lag", type=float, default=0.0, metavar="SECONDS", help="how late Search knows")


def _limits(options: argparse.Namespace) -> Limits:
    return Limits(
        rates={operation or EACH: rate for operation, rate in options.rate},
        burst=options.burst,
        throttled=options.throttle,
        quotas={what or ALL_TRAINING: count for what, count in options.quota},
        capacity_failures=options.capacity_failures,
        search_lag=options.search_lag,
        debugger=options.debugger,
    )


def _named(kind: Callable[[str], N]) -> Callable[[str], tuple[str, N]]:
    """Read ``name=number``, or a number alone, whose name is empty."""

    def read(text: str) -> tuple[str, N]:
        name, _, number = text.rpartition("=")
        return name, kind(number)

    return read


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share: from 0 to 1")
    return share


def _loopback(text: str) -> str:
    if not ipaddress.ip_address(text).is_loopback:
        raise argparse.ArgumentTypeError(f"{text} is not a loopback address; the local cloud has no authentication")
    return text


if __name__ == "__main__":
    sys.exit(main())
