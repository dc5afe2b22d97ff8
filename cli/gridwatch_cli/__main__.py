"""`python -m gridwatch_cli`."""

from __future__ import annotations

from gridwatch_cli.start import main

main()
