"""`python -m gridwatch_rules.command`."""

from __future__ import annotations

import sys

from gridwatch_rules.command.main import main

sys.exit(main())
