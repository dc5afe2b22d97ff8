"""The entry point of the command `gridwatch`, which stays silent when interrupted while it imports."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; if interrupted, even while it is still being imported, it exits with 130 and prints
    nothing.
    """
    try:
        from gridwatch.cli.main import main as run  # noqa: PLC0415  takes a second, in which people press Ctrl-C

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
