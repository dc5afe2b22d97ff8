"""Example specs, submitted as `gridwatch submit` does it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from gridwatch.cli.sources import packed_source
from gridwatch.spec.parse import parse_spec
from gridwatch.storage.layout import SOURCE_METADATA
from tests.story.deployed import Deployed

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def submit(deployed: Deployed, spec: Path) -> None:
    """Pack the source beside the spec, upload it, and then the spec."""
    content = spec.read_bytes()
    packed = packed_source(parse_spec(content, today=date(2026, 11, 21)).spec.algorithm, spec.parent)
    assert packed is not None
    bucket = deployed.outputs["ExperimentsBucket"]
    s3 = deployed.client("s3")
    s3.put_object(Bucket=bucket, Key=packed.key, Body=packed.content)
    s3.put_object(Bucket=bucket, Key=f"experiments/{spec.name}", Body=content, Metadata={SOURCE_METADATA: packed.key})
