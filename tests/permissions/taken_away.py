"""A deployment that lacks one permission, for a story to fail on."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.permissions.grants import Grant, template_of, without

# Name of the variable with the grant's words, as a JSON list.
TAKEN = "GRIDWATCH_PERMISSION_TAKEN"


def take_away(assembly: Path) -> None:
    """Rewrite the assembly's template when the variable asks for it."""
    if words := os.environ.get(TAKEN):
        changed = without(template_of(assembly), Grant(*json.loads(words)))
        (assembly / "Gridwatch.template.json").write_text(json.dumps(changed))
