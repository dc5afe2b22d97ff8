"""Lists what users' rules can import where they are deployed, so that a trial run elsewhere shows what would be
missing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

# The top-level modules of the function's layers (layers/runtime, layers/plots); a test compares them with the locks.
LAYER_MODULES = frozenset(
    [
        "PIL",
        "_yaml",
        "annotated_doc",
        "annotated_types",
        "aws_lambda_powertools",
        "boto3",
        "botocore",
        "cel",
        "contourpy",
        "cycler",
        "dateutil",
        "fontTools",
        "jmespath",
        "kiwisolver",
        "markdown_it",
        "matplotlib",
        "mdurl",
        "mpl_toolkits",
        "numpy",
        "packaging",
        "prompt_toolkit",
        "pydantic",
        "pydantic_core",
        "pygments",
        "pylab",
        "pyparsing",
        "rich",
        "s3transfer",
        "shellingham",
        "six",
        "typer",
        "typing_extensions",
        "typing_inspection",
        "urllib3",
        "wcwidth",
        "yaml",
    ]
)
# Modules that earlier Pythons have and the function's 3.13 no longer has (PEP 594, PEP 632).
GONE_MODULES = frozenset(
    [
        "aifc",
        "asynchat",
        "asyncore",
        "audioop",
        "cgi",
        "cgitb",
        "chunk",
        "crypt",
        "distutils",
        "imghdr",
        "imp",
        "lib2to3",
        "mailcap",
        "msilib",
        "nis",
        "nntplib",
        "ossaudiodev",
        "pipes",
        "smtpd",
        "sndhdr",
        "spwd",
        "sunau",
        "telnetlib",
        "uu",
        "xdrlib",
    ]
)
_OURS = frozenset({"gridwatch", "gridwatch_rules", "smdebug"})
THERE = "Python 3.13's standard library, numpy, matplotlib and boto3"


class DeployedPackages(MetaPathFinder):
    """An import finder that refuses modules which the function that runs users' rules lacks. `folder` is the folder of
    the rule's file; of its files only that one is uploaded.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        name = fullname.partition(".")[0]
        known = name in _OURS or name in LAYER_MODULES or name in sys.stdlib_module_names
        if known and name not in GONE_MODULES:
            return None
        beside = [each.name for each in (self._folder / f"{name}.py", self._folder / name) if each.exists()]
        why = (
            f"{beside[0]} lies beside the rule, and the rule's file alone is uploaded" if beside else f"it has {THERE}"
        )
        raise ModuleNotFoundError(f"the function that runs rules of users has no module {name!r}: {why}", name=name)


def as_deployed(folder: Path) -> None:
    """Restrict this process's imports to what the function could import."""
    sys.meta_path.insert(0, DeployedPackages(folder))
