"""The archive of the training script: complete, reproducible, and named by its content."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import gridwatch_hook
from gridwatch_hook.carrier.build import write_archive
from infra.constructs import training
from scripts import training_source
from tests.template.synthesized import Synthesized


def test_it_holds_the_script_at_its_root_and_the_hook_beside_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(training_source.pack(training_source.members()))) as archive:
        names = archive.getnames()
    assert {"train.py", "gridwatch_hook/__init__.py"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_equal_sources_give_equal_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    first.write_text("print()\n")
    second.write_text("print()\n")
    second.chmod(0o700)
    packed = training_source.pack({"b.py": first, "a.py": first})
    assert packed == training_source.pack({"a.py": second, "b.py": second})
    assert packed != training_source.pack({"a.py": second})


def test_the_packed_archive_is_current() -> None:
    assert training_source.ARCHIVE.read_bytes() == training_source.pack(training_source.members()), "run make layers"


def test_the_deployed_archive_is_the_packed_one(synthesized: Synthesized) -> None:
    uri = synthesized.functions["launch_grid"].environment["XGBOOST_SOURCE_URI"]
    digest = uri.rsplit("/", 1)[1].split(".")[0]
    (deployed,) = synthesized.folder.glob(f"asset.{digest}.*")
    assert deployed.read_bytes() == training_source.ARCHIVE.read_bytes()
    assert uri.startswith("s3://cdk-hnb659fds-assets-123456789012-eu-west-1/")


def test_the_hook_that_is_brought_is_deployed_under_its_own_digest(synthesized: Synthesized, tmp_path: Path) -> None:
    variables = synthesized.functions["launch_grid"].environment
    manifest = write_archive(tmp_path / "hook.zip")
    assert variables["HOOK_VERSION"] == manifest["version"] == gridwatch_hook.__version__
    digest = variables["HOOK_SOURCE_URI"].rsplit("/", 1)[1].removesuffix(".zip")
    (deployed,) = synthesized.folder.glob(f"asset.{digest}.*")
    with zipfile.ZipFile(deployed) as brought, zipfile.ZipFile(tmp_path / "hook.zip") as made:
        content = {name: made.read(name) for name in made.namelist()}
        assert {name: brought.read(name) for name in brought.namelist()} == content, "run make layers"
    outputs = json.loads((synthesized.folder / "Gridwatch.template.json").read_text())["Outputs"]
    assert outputs["HookVersion"]["Value"] == manifest["version"]


def test_its_name_follows_its_content(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    digests = set()
    for text in ("a = 1\n", "a = 2\n"):
        script.write_text(text)
        archive = tmp_path / "sourcedir.tar.gz"
        archive.write_bytes(training_source.pack({"train.py": script}))
        digests.add(training.content_digest(archive))
    assert len(digests) == 2
