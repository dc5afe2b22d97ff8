"""Parses the arguments of `gridwatch-rules` and prints its errors in one line."""

from __future__ import annotations

import math
import os
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence

from gridwatch_rules import __version__
from gridwatch_rules.choosing import ChoiceError
from gridwatch_rules.command.backtest import run_backtest
from gridwatch_rules.command.check import UsageError, run_check, run_list
from gridwatch_rules.command.tensors import run_tensors
from gridwatch_rules.failures import GridwatchError
from gridwatch_rules.judgement.stopping import STOPPINGS
from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.visible import visible_line

_PARAMETER = {"action": "append", "default": [], "metavar": "KEY=VALUE", "help": "a parameter of the rule"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Exit codes: 0 for success, 1 for failure, 2 for wrong usage; `check` has its own."""
    asked = _parser().parse_args(arguments)
    try:
        code = int(asked.run(asked))
        sys.stdout.flush()  # here, so that a full disk or a closed pipe is told like any other fault
        return code
    except (UsageError, ChoiceError, RuleConfigurationError) as error:
        return _fail(error, 2)
    except BrokenPipeError:
        # The reader, such as head, has seen enough. Python would complain once more when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (GridwatchError, CorruptTensorError, OSError, ValueError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return 130


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _above_zero(text: str) -> float:
    number = _finite(text)
    if number <= 0:
        raise ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ArgumentTypeError(f"{text!r} is no number")
    return number


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ArgumentTypeError(f"{text!r} is no regular expression: {error}") from error
    return text


def _fail(error: Exception, code: int) -> int:
    sys.stderr.write(f"gridwatch-rules: {visible_line(str(error))}\n")
    return code


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="gridwatch-rules", description="Rules over the tensors of training jobs.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser(
        "check", help="evaluate one rule over a folder of tensors", description=run_check.__doc__
    )
    check.add_argument("path", help="a folder of tensors, or a job's whole output")
    check.add_argument("--rule", required=True, help="name of a rule, or FILE.py:ClassName for one of your own")
    check.add_argument("--parameter", "-p", **_PARAMETER)  # type: ignore[arg-type]  # a table of keyword arguments
    check.add_argument("--follow", action="store_true", help="go on until the job has ended or the rule fired")
    check.add_argument("--time-limit", type=_above_zero, default=300.0, help="seconds that a rule of your own may take")
    check.set_defaults(run=run_check)

    rules = commands.add_parser("list", help="list the rules", description=run_list.__doc__)
    rules.set_defaults(run=run_list)

    backtest = commands.add_parser(
        "backtest",
        help="replay rules on files of curves",
        description="Replay rules on trials that trained to the end.",
    )
    backtest.add_argument("curves", nargs="+", help="a file of curves, .json or .json.gz")
    backtest.add_argument("--rule", action="append", default=[], help="rules, joined by + where any may stop")
    backtest.add_argument("--stopping", action="append", default=[], choices=STOPPINGS, help="a setting of the dial")
    backtest.add_argument("--parameter", "-p", **_PARAMETER)  # type: ignore[arg-type]  # as above
    backtest.add_argument("--orders", type=_count, default=20, help="random orders of arrival (20)")
    backtest.add_argument("--workers", type=_count, action="append", help="trials at the same time (8)")
    backtest.add_argument("--hopeless", type=_finite, help="a trial whose accuracy never reaches this is hopeless")
    backtest.add_argument("--metric", help="what is judged, when the file does not say")
    backtest.add_argument("--direction", choices=("min", "max"), help="when the metric's name does not say")
    backtest.set_defaults(run=run_backtest)

    tensors = commands.add_parser("tensors", help="what is in a folder of tensors", description=run_tensors.__doc__)
    tensors.add_argument("path", help="a folder of tensors, or a job's whole output")
    tensors.add_argument("--values", action="store_true", help="the values by step instead of the tensors")
    tensors.add_argument(
        "--tensor", "-t", type=_pattern, action="append", metavar="REGEX", help="only tensors that it is found in"
    )
    tensors.set_defaults(run=run_tensors)
    for each in (check, rules, backtest, tensors):
        each.add_argument("--json", action="store_true", help="for machines")
    return parser
