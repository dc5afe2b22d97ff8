"""The CDK app: `python -m infra.app` (or the CDK command line through cdk.json) writes the cloud assembly."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk

from infra.constructs.layers import MissingLayerError
from infra.settings import DeploymentSettings, DeploymentSettingsError
from infra.stack import GridwatchStack

ROOT = Path(__file__).resolve().parent.parent


def create_app(
    overrides: Mapping[str, object] | None = None, *, outdir: str | None = None, root: Path = ROOT
) -> cdk.App:
    """Create the app. Its context is cdk.json's, overridden by the CDK command line's, overridden by `overrides`.
    Assets come from `root`.

    Raises DeploymentSettingsError when the context asks for something that cannot be deployed.
    """
    # The CDK command line passes cdk.json's context by itself. Without it the app must read the same flags.
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    app = cdk.App(context=context, outdir=outdir, analytics_reporting=False)
    for key, value in (overrides or {}).items():
        app.node.set_context(key, value)
    settings = DeploymentSettings.from_context(app.node.get_all_context())
    GridwatchStack(app, "Gridwatch", settings=settings, root=root)
    return app


def main() -> None:
    try:
        create_app().synth()
    except (DeploymentSettingsError, MissingLayerError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
