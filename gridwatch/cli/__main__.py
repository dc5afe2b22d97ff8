"""`python -m gridwatch.cli`."""

from __future__ import annotations

from gridwatch.cli.start import main

main()
