"""Every permission of the template is needed by a story, or kept for a reason that docs/permissions.md gives."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.permissions.grants import Grant, granted, template_of, without
from tests.template.conftest import Synthesize

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "permissions.md").read_text()


class Kept(NamedTuple):
    """A row of the page: patterns, and why what they match stays."""

    role: str
    actions: str
    resource: str
    reason: str
    source: str

    def matches(self, grant: Grant) -> bool:
        """Actions are separated by spaces; the service is that of the first."""
        service = self.actions.partition(":")[0]
        names = [name if ":" in name else f"{service}:{name}" for name in self.actions.split()]
        return (
            fnmatchcase(grant.role, self.role)
            and any(fnmatchcase(grant.action, name) for name in names)
            and any(fnmatchcase(grant.resource, pattern) for pattern in self.resource.split(", "))
        )


def kept() -> list[Kept]:
    table = PAGE.split("<!-- kept -->")[1].split("<!-- end -->")[0]
    rows = [line.strip("|").split("|") for line in table.strip().splitlines()[2:]]
    return [Kept(*(cell.strip().strip("`") for cell in row)) for row in rows]


@pytest.fixture(scope="module")
def allowed(synthesize: Synthesize) -> set[Grant]:
    """Of the template that the stories deploy."""
    return granted(template_of(synthesize(custom_rule_sources="code/").folder))


@pytest.fixture(scope="module")
def needed() -> dict[Grant, str]:
    rows = json.loads((ROOT / "tests" / "permissions" / "used.json").read_text())
    return {Grant(*row[:3]): row[3] for row in rows}


def test_each_is_needed_by_a_story_or_kept_for_a_reason(allowed: set[Grant], needed: dict[Grant, str]) -> None:
    rows = kept()
    left = {grant for grant in allowed - set(needed) if not any(row.matches(grant) for row in rows)}
    assert sorted(left) == [], "run make test-permissions, or remove them, or give a reason in docs/permissions.md"


def test_what_stories_need_is_still_allowed(allowed: set[Grant], needed: dict[Grant, str]) -> None:
    assert sorted(set(needed) - allowed) == []


def test_each_reason_is_for_something_that_no_story_needs(allowed: set[Grant], needed: dict[Grant, str]) -> None:
    unused = allowed - set(needed)
    assert [row for row in kept() if not any(row.matches(grant) for grant in unused)] == []


def test_each_reason_is_given(allowed: set[Grant]) -> None:
    assert [row for row in kept() if len(row.reason) < 20 or not row.source] == []


def test_each_story_is_there(needed: dict[Grant, str]) -> None:
    for story in set(needed.values()):
        path, _, name = story.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text()


def test_one_is_taken_away_and_the_others_stay(synthesize: Synthesize, allowed: set[Grant]) -> None:
    template = template_of(synthesize(custom_rule_sources="code/").folder)
    some = sorted(allowed)[:: max(1, len(allowed) // 12)]
    for grant in some:
        assert granted(without(template, grant)) == allowed - {grant}
    with pytest.raises(ValueError, match="does not allow"):
        without(template, Grant("SomeRole", "s3:GetObject", "somewhere"))
