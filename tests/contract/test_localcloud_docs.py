"""What docs/localcloud.md says of commands, files and the service is so."""

import re
import subprocess
import sys
from pathlib import Path

from gridwatch.localcloud.sagemaker.images import ImageMap

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "localcloud.md").read_text()


def test_every_option_that_the_page_names_exists() -> None:
    help_text = subprocess.run(
        [sys.executable, "-m", "gridwatch.localcloud", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE)) - {"--name", "--fast", "--rule", "--follow", "--state"}
    assert named
    assert named <= set(re.findall(r"--[a-z][a-z-]+", help_text))


def test_every_path_that_the_page_names_exists() -> None:
    named = {path for path in re.findall(r"`((?:gridwatch|tests|docs)/[\w./*-]*)`", PAGE) if "*" not in path}
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_the_image_map_of_the_page_is_one(tmp_path: Path) -> None:
    example = PAGE.split("```toml\n")[1].split("```")[0]
    path = tmp_path / "images.toml"
    path.write_text(example)
    image, evaluator = ImageMap.load(path).images[:2]
    assert evaluator.evaluator_command("AllZero", "s3://b/t", {"threshold": "{rule}"}) == [
        str(tmp_path / "bin" / "check"), "s3://b/t", "--rule", "AllZero", "-p", "threshold={rule}",
    ]  # fmt: skip
    assert image.command == (str(tmp_path / "bin" / "train"), "--fast")
    assert image.hint == "make my-image"
