"""The Lambda layers: our own packages, and the dependency layers that `make layers` has built."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from aws_cdk import AssetHashType
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.constructs.own_layer import assemble

RUNTIME = lambda_.Runtime.PYTHON_3_13
ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}
PLATFORMS = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
# Bytecode fits only the interpreter that wrote it, and makes an asset's hash differ between machines.
NOT_DEPLOYED = ["__pycache__", "*.pyc"]


class MissingLayerError(Exception):
    """A layer was not built for the platform that is to be deployed; the message says how to build it."""


class Layers(Construct):
    """The layers by name: `gridwatch` and the dependency layers."""

    def __init__(self, scope: Construct, name: str, *, architecture: str, root: Path) -> None:
        super().__init__(scope, name)
        self._architecture = architecture
        self._build = root / "layers" / "build" / PLATFORMS[architecture]
        with tempfile.TemporaryDirectory() as scratch:  # the CDK copies the asset as soon as its layer is created
            own = lambda_.Code.from_asset(str(assemble(root, Path(scratch) / "gridwatch")))
            self._by_name = {"gridwatch": self._layer("gridwatch", own, "Gridwatch's own package")}
        for dependency in ("runtime", "numeric", "duckdb", "plots"):
            self._by_name[dependency] = self._layer(dependency, self._built(dependency), f"{dependency} dependencies")

    def __getitem__(self, name: str) -> lambda_.LayerVersion:
        return self._by_name[name]

    def _built(self, name: str) -> lambda_.AssetCode:
        manifest = self._build / name / "layer-build.json"
        if not manifest.is_file():
            raise MissingLayerError(f"{manifest} is missing: run `make layers DEPLOY_PLATFORM={self._build.name}`")
        # The manifest already holds the content's digest: hashing the files again would take most of the synthesis.
        content = json.loads(manifest.read_text())["content_sha256"]
        return lambda_.Code.from_asset(
            str(manifest.parent), asset_hash=f"{self._build.name} {content}", asset_hash_type=AssetHashType.CUSTOM
        )

    def _layer(self, name: str, code: lambda_.Code, description: str) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            name.capitalize(),
            code=code,
            description=description,
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURES[self._architecture]],
        )
