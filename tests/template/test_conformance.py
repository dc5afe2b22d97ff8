"""docs/conformance.md and the code say the same: every API action, error code and event that the code relies on has its
row, and no row is of something that the code does not know any more.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

from gridwatch.aws.errors import KINDS
from tests.template.test_calls import ROOT, named_in

PAGE = ROOT / "docs" / "conformance.md"
ADAPTERS = ROOT / "gridwatch" / "aws"
EVENTS = ADAPTERS.parent / "events"
COMMANDS = ROOT / "gridwatch" / "cli"
# What command lines ask for beside what the deployed functions do.
OF_COMMANDS = (
    "athena",
    "cloudformation",
    "iam",
    "lambda",
    "logs",
    "s3",
    "sagemaker",
    "secretsmanager",
    "service-quotas",
    "sns",
    "sqs",
    "ssm",
    "sts",
)
# Modules of gridwatch.events about messages of our own, which AWS only carries.
OWN_EVENTS = {"messages", "queue", "evaluation_request", "rule_status_publisher"}


@cache
def rows(heading: str) -> tuple[tuple[str, ...], ...]:
    """The cells of the table below a heading."""
    section = PAGE.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return tuple(
        tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in lines[1:] if "---" not in line
    )


def listed(heading: str) -> list[str]:
    """What stands between backquotes in the first cells."""
    return [name for row in rows(heading) for name in re.findall(r"`([^`]+)`", row[0])]


def called_by_commands() -> set[str]:
    """The operations of clients that a command's module makes or is given."""
    session = botocore.session.get_session()
    found = set()
    for source in COMMANDS.rglob("*.py"):
        text = source.read_text()
        methods = {
            node.func.attr: ast.unparse(node.func.value)
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        texts = re.findall(r'get_(?:paginator|waiter)\(\s*"(\w+)"', text)
        for service in OF_COMMANDS:
            if not re.search(rf'client\("{service}"|session\.{service}\b|\b{service}: "?\w*(Client|Describes)', text):
                continue
            for name in session.get_service_model(service).operation_names:
                of = methods.get(xform_name(name), "")
                if (of and "store" not in of) or xform_name(name) in texts:
                    found.add(f"{service}:{name}")
    return found


def test_every_action_that_the_code_calls_has_its_row_and_no_other_has() -> None:
    called = {operation for source in ADAPTERS.rglob("*.py") for operation in named_in(source)} | called_by_commands()
    told = listed("Actions")
    assert sorted(called - set(told)) == [], "add a row to the table Actions of docs/conformance.md for each of these"
    assert sorted(set(told) - called) == [], "no code calls these any more: take their rows out of docs/conformance.md"
    assert len(told) == len(set(told))


def test_every_error_code_that_decides_something_has_its_row_and_no_other_has() -> None:
    told = listed("Error codes")
    assert sorted(told) == sorted(KINDS), "docs/conformance.md, Error codes, and gridwatch.aws.errors differ"


def test_every_event_that_is_read_has_its_row() -> None:
    parsers = {path.stem for path in EVENTS.glob("*.py")} - OWN_EVENTS - {"__init__"}
    told = {name for row in rows("Events") for name in re.findall(r"`events\.(\w+)`", row[-1])}
    assert sorted(parsers - told) == [], "add a row to the table Events of docs/conformance.md for each of these"
    assert sorted(told - parsers) == []


def test_every_row_has_a_source_and_says_where_it_is_reproduced() -> None:
    for heading in ("Actions", "Error codes", "Events", "Limits"):
        for row in rows(heading):
            assert len(row) == 4, row
            assert re.search(r"https://|service model|reported", row[2]), row
            assert row[3], row


def test_what_is_documented_nowhere_says_what_happens_if_it_is_false_and_how_one_would_see() -> None:
    assumptions = rows("Assumptions")
    assert len(assumptions) >= 10
    for row in assumptions:
        assert len(row) == 4, row
        assert all(row), row


def test_files_that_are_named_are_there() -> None:
    for name in re.findall(r"`((?:tests|gridwatch|rules|layers|functions|benchmarks)/[\w./-]+)`", PAGE.read_text()):
        assert Path(ROOT / name).exists(), name
