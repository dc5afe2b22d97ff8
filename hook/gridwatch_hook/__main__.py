"""The command `python -m gridwatch_hook`: `run` watches a training, `carry` puts together what a job is to carry."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gridwatch_hook.carrier.build import carry
from gridwatch_hook.carrier.run import run
from gridwatch_hook.parameters import ConfigError

_PLACE = "gridwatch-output"


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (2 where it was called wrongly)."""
    asked = _parser().parse_args(words)
    try:
        if asked.command == "carry":
            print(json.dumps(carry(asked.target, _document(asked.config))))  # noqa: T201  (this is a command)
            return 0
        config = _document(asked.config) if asked.config else {}
        place = asked.output or config.get("place") or _PLACE
        if "://" not in place:
            place = os.path.abspath(place)  # noqa: PTH100  (the training may change its folder)
        command = asked.words[1:] if asked.words[:1] == ["--"] else asked.words
        if not command:
            raise ConfigError("there is nothing to run; name a script or a command")
        return run(command, {**config, "place": place})
    except (ConfigError, OSError) as error:
        print(f"gridwatch_hook: {error}", file=sys.stderr)  # noqa: T201  (as above)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gridwatch_hook", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="run a training script or command, and watch it")
    running.add_argument("-o", "--output", help=f"a folder or s3://bucket/prefix (default: {_PLACE})")
    running.add_argument("--config", type=Path, help="a JSON file with the watch's configuration")
    running.add_argument("words", nargs=argparse.REMAINDER, help="train.py and its arguments, or a command")
    carrying = commands.add_parser("carry", help="write the folder or zip that a job carries")
    carrying.add_argument("target", type=Path, help="a folder, or a file that ends in .zip")
    carrying.add_argument("--config", type=Path, required=True, help="a JSON file with the watch's configuration")
    return parser


def _document(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} holds no JSON object")
    return found


if __name__ == "__main__":
    raise SystemExit(main())
