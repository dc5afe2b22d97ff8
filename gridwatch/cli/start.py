"""Where the command `gridwatch` begins: whoever interrupts it is not shown what it was importing."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; interrupted, also while it is still being imported, it ends with 130 and says nothing."""
    try:
        from gridwatch.cli.main import main as run  # noqa: PLC0415  takes a second, in which people press Ctrl-C

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
