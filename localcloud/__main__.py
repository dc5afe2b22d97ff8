"""``python -m localcloud``: start the local cloud and print one JSON line when it is ready."""

import argparse
import ipaddress
import sys
from pathlib import Path

from localcloud.sagemaker.images import ImageMapError
from localcloud.sagemaker.platform import JobSettings
from localcloud.server import ServerSettings, run


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
        follow_stdin=options.follow_stdin,
        workers_per_function=options.workers_per_function,
        jobs=jobs,
    )
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
        prog="python -m localcloud", description="AWS, as far as Gridwatch needs it, on this machine"
    )
    parser.add_argument("--host", type=_loopback, default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument(
        "--state-dir", type=Path, help="log and unpacked functions; without it a folder that goes at the end"
    )
    parser.add_argument("--images", type=Path, help="an image map (TOML or JSON) that comes before the built-in one")
    parser.add_argument(
        "--template", type=Path, action="append", default=[], help="a synthesized cdk.out to deploy first"
    )
    parser.add_argument("--follow-stdin", action="store_true", help="end when standard input ends")
    parser.add_argument("--workers-per-function", type=int, default=2)
    parser.add_argument("--threads-per-job", type=int, default=defaults.threads_per_job)
    parser.add_argument(
        "--starting-delay", type=float, default=defaults.starting_delay, help="seconds a job is Starting"
    )
    parser.add_argument(
        "--stop-grace", type=float, default=defaults.stop_grace, help="seconds between SIGTERM and SIGKILL"
    )
    parser.add_argument("--keep-folders", action="store_true", help="keep the jobs' folders for a look")
    return parser


def _loopback(text: str) -> str:
    if not ipaddress.ip_address(text).is_loopback:
        raise argparse.ArgumentTypeError(f"{text} is not a loopback address; the local cloud has no authentication")
    return text


if __name__ == "__main__":
    sys.exit(main())
