"""Packing a spec's script: the same code is the same archive, and nothing from outside the spec's folder is in it."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from gridwatch.cli.errors import CliError
from gridwatch.cli.sources import PackedSource, packed_source
from gridwatch.spec.parts.algorithm import Algorithm


def folder(root: Path) -> Path:
    for name in (
        "src/train.py",
        "src/parts/net.py",
        "src/__pycache__/train.pyc",
        "src/.git/config",
        "shared/reading.py",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def pack(
    root: Path, *, entry_point: str = "train.py", source: str = "src", dependencies: tuple[str, ...] = ()
) -> PackedSource:
    algorithm = Algorithm(framework="pytorch", entry_point=entry_point, source=source, dependencies=list(dependencies))
    packed = packed_source(algorithm, root)
    assert packed is not None
    return packed


def names(packed: PackedSource) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(packed.content)) as archive:
        return archive.getnames()


def test_the_script_lies_at_the_root_and_what_is_no_code_is_left_out(tmp_path: Path) -> None:
    packed = pack(folder(tmp_path), dependencies=("shared/reading.py",))
    assert names(packed) == ["parts/net.py", "reading.py", "train.py"]
    assert packed.key == f"code/sources/{packed.digest}.tar.gz"


def test_the_same_code_is_the_same_archive_wherever_and_whenever_it_is_packed(tmp_path: Path) -> None:
    one, other = folder(tmp_path / "one"), folder(tmp_path / "other")
    os.utime(other / "src/train.py", (1, 1))
    assert pack(one).content == pack(other).content
    (other / "src/train.py").write_text("changed")
    assert pack(one).digest != pack(other).digest


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path / "spec")
    (tmp_path / "secret").write_text("secret")
    (root / "src/link").symlink_to(tmp_path / "secret")
    with pytest.raises(CliError, match="leads out of"):
        pack(root)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    root = folder(tmp_path / "spec")
    os.mkfifo(root / "src/stream")
    with pytest.raises(CliError, match="stream is no file that can be packed"):
        pack(root)
    (root / "src/stream").unlink()
    (root / "src/stale").symlink_to(root / "src/gone.py")
    with pytest.raises(CliError, match="stale is no file that can be packed"):
        pack(root)
    (root / "src/stale").unlink()
    (root / "src/other").symlink_to(root / "src/parts")
    with pytest.raises(CliError, match="other is a link to a folder"):
        pack(root)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"entry_point": "missing.py"}, "there is no missing.py"),
        ({"source": "nowhere"}, "is no folder"),
        ({"source": "../"}, "leads out of"),
        ({"dependencies": ("none",)}, "there is no"),
        ({"dependencies": ("src/train.py",)}, "would replace train.py"),
    ],
)
def test_what_is_not_there_is_told(change: dict[str, object], told: str, tmp_path: Path) -> None:
    with pytest.raises(CliError, match=told):
        pack(folder(tmp_path), **change)  # type: ignore[arg-type]


def test_an_archive_in_s3_is_not_packed(tmp_path: Path) -> None:
    algorithm = Algorithm(framework="pytorch", entry_point="train.py", source="s3://code/x.tar.gz")
    assert packed_source(algorithm, tmp_path) is None
