"""The folder that brings the hook into a container: every Python can start with it, and it harms none."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gridwatch_hook.carrier.build import PACKAGE, carry, members, write_archive
from gridwatch_hook.pace import Terms
from gridwatch_hook.parameters import ConfigError
from gridwatch_hook.watch.settings import CONFIG_FILE, WatchConfig, watched_in_place_of
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import LocalSource
from scripts.find_python import find

OLD = [version for version in ("2.7", "3.6", "3.8", "3.9") if find(version)]
WATCHED = [version for version in ("3.10", "3.11", "3.12", "3.13") if find(version)]


def start(version: str, path: str, program: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": path, "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **variables}
    command = [interpreter(version), *options, "-c", program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def interpreter(version: str) -> str:
    """One in whose environment the hook is not installed, as a container's."""
    found = find(version)
    base = Path(sys.base_prefix) / "bin" / f"python{version}"
    return str(base if found == Path(sys.executable) and base.exists() else found)


WATCHES = "import sys; print('gridwatch_hook_active' in sys.modules)"


@pytest.fixture
def carrier(tmp_path: Path) -> Path:
    carry(tmp_path / "carrier", {"place": str(tmp_path / "out")})
    return tmp_path / "carrier"


@pytest.mark.parametrize("version", OLD)
def test_an_old_python_starts_as_if_the_carrier_were_not_there(carrier: Path, version: str) -> None:
    ended = start(version, str(carrier), WATCHES)
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, "False", "")


@pytest.mark.parametrize("version", WATCHED)
def test_a_python_waits_for_frameworks_and_loads_nothing_of_weight(carrier: Path, version: str) -> None:
    loaded = "print(sorted({'json', 'numpy', 'threading', 'logging'} & set(sys.modules)))"
    ended = start(version, str(carrier), f"{WATCHES}; {loaded}")
    assert ended.stderr == ""
    assert ended.stdout.split("\n")[0] == "True"
    assert "numpy" not in ended.stdout
    assert "json" not in ended.stdout


@pytest.mark.parametrize("options", [["-S"], ["-I"], ["-E"]])
def test_a_python_that_is_told_to_load_nothing_is_not_watched(carrier: Path, options: list[str]) -> None:
    ended = start("3.11", str(carrier), WATCHES, *options)
    assert (ended.stdout.strip(), ended.stderr) == ("False", "")


def test_one_variable_turns_it_off(carrier: Path) -> None:
    assert start("3.11", str(carrier), WATCHES, GRIDWATCH_DISABLE="1").stdout.strip() == "False"


@pytest.mark.parametrize("version", [*OLD, *WATCHED])
def test_the_next_sitecustomize_on_the_path_is_loaded(carrier: Path, tmp_path: Path, version: str) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import sys\nsys.theirs = __file__\nsys.path.append('/added')\n")
    program = "import sys, sitecustomize; print(sys.theirs == sitecustomize.__file__); print('/added' in sys.path)"
    ended = start(version, f"{carrier}:{own}", f"{program}; print(sys.path.index({str(carrier)!r}))")
    assert (ended.stdout.split(), ended.stderr) == (["True", "True", "1"], "")


def test_an_error_of_the_next_sitecustomize_is_told_as_python_tells_it(carrier: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("1 / 0\n")
    alone = start("3.11", str(tmp_path / "own"), "print('on')")
    behind = start("3.11", f"{carrier}:{tmp_path / 'own'}", "print('on')")
    assert (behind.stdout, behind.stderr) == (alone.stdout, alone.stderr)
    assert "ZeroDivisionError" in behind.stderr


def test_a_zip_does_as_well_as_a_folder(tmp_path: Path) -> None:
    packed = tmp_path / "carrier.zip"
    carry(packed, {"place": str(tmp_path / "out")})
    assert "sitecustomize.py" in zipfile.ZipFile(packed).namelist()
    assert start("3.11", str(packed), WATCHES).stdout.strip() == "True"


def test_only_modules_with_names_of_their_own_travel_and_no_import_leaves_them(tmp_path: Path) -> None:
    files = members({"place": "s3://bucket/tensors/{TRAINING_JOB_NAME}"})
    assert {name.partition("/")[0] for name in files} == {
        PACKAGE, "sitecustomize.py", "gridwatch_watch.json", "gridwatch_carrier.json",
    }  # fmt: skip
    sources = [content.decode() for name, content in files.items() if name.endswith(".py")]
    lines = [line.strip() for source in sources for line in source.splitlines()]
    assert not [
        line
        for line in lines
        if line.startswith(("from gridwatch_hook ", "from gridwatch_hook.", "import gridwatch_hook"))
    ]
    assert files == members({"place": "s3://bucket/tensors/{TRAINING_JOB_NAME}"})


def test_the_scripts_own_copy_of_the_hook_comes_first(carrier: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "gridwatch_hook.py").write_text("mine = True\n")
    assert (
        start(
            "3.11", f"{carrier}:{tmp_path / 'own'}", "import gridwatch_hook; print(gridwatch_hook.mine)"
        ).stdout.strip()
        == "True"
    )
    carried = start(WATCHED[-1], str(carrier), "import gridwatch_hook; print(gridwatch_hook.__name__)")
    assert carried.stdout.strip() == PACKAGE


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({}, "names no place"),
        ({"place": "x", "plase": "y"}, "plase"),
        ({"place": "x", "heartbeat_seconds": 0}, "heartbeat_seconds"),
    ],
)
def test_a_wrong_configuration_is_refused_before_anything_is_written(
    tmp_path: Path, config: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        carry(tmp_path / "carrier", config)
    assert not (tmp_path / "carrier").exists()


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds something else"):
        carry(tmp_path, {"place": "out"})


def test_the_manifest_tells_version_and_digest(carrier: Path) -> None:
    manifest = json.loads((carrier / "gridwatch_carrier.json").read_text())
    assert (manifest["package"], len(manifest["digest"])) == (PACKAGE, 64)


SLOW_BOTO3 = """
import time
time.sleep(0.5)
import concurrent.futures.thread
class Client:
    def put_object(self, *, Bucket, Key, Body):
        with open(PLACE, "a") as file:
            file.write(Key + "\\n")
    def get_object(self, **_):
        raise KeyError("no such object")
    delete_object = get_object
def client(*_, **__):
    return Client()
"""


def brought(folder: Path, config: dict[str, object]) -> str:
    """The archive as a launcher brings it, with its configuration beside it; returns what goes onto the path."""
    folder.mkdir()
    write_archive(folder / "gridwatch.zip")
    (folder / CONFIG_FILE).write_text(json.dumps(config))
    return str(folder / "gridwatch.zip")


def test_a_script_that_ends_before_boto3_is_imported_is_written_all_the_same(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    (modules / "botocore").mkdir(parents=True)
    written = tmp_path / "keys"
    (modules / "boto3.py").write_text(SLOW_BOTO3.replace("PLACE", repr(str(written))))
    (modules / "botocore" / "__init__.py").write_text("")
    (modules / "botocore" / "config.py").write_text("class Config:\n    def __init__(self, **_): pass\n")
    path = brought(tmp_path / "channel", {"place": "s3://bucket/tensors/{TRAINING_JOB_NAME}"})
    numpy = Path(np.__file__).parent.parent
    program = "import gridwatch_hook; gridwatch_hook.log(loss=1.0)"
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    ended = start(running, f"{path}:{modules}:{numpy}", program, TRAINING_JOB_NAME="job-1")
    assert ended.stderr == ""
    keys = written.read_text().split()
    assert "tensors/job-1/debug-output/training_job_end.ts" in keys
    assert any("/debug-output/events/" in key for key in keys)


def test_an_archive_finds_its_configuration_beside_it_and_the_jobs_name_where_the_toolkit_tells_it(
    tmp_path: Path,
) -> None:
    path = brought(tmp_path / "channel", {"place": "/out/{TRAINING_JOB_NAME}"})
    assert WatchConfig.read(path, {"TRAINING_JOB_NAME": "one"}).place == "/out/one"
    told = tmp_path / "ml" / "input" / "config"
    told.mkdir(parents=True)
    (told / "hyperparameters.json").write_text(json.dumps({"sagemaker_job_name": '"two"', "eta": "1"}))
    assert WatchConfig.read(path, {"SAGEMAKER_BASE_DIR": str(tmp_path / "ml")}).place == "/out/two"
    with pytest.raises(ConfigError, match="does not say which job"):
        WatchConfig.read(path, {"SAGEMAKER_BASE_DIR": str(tmp_path)})


def test_the_pace_of_a_job_is_a_variable_where_the_configuration_has_none(tmp_path: Path) -> None:
    pace = '{"look_seconds": 30, "least_seconds": 5, "first_looks": 2}'
    config = WatchConfig.read(brought(tmp_path / "channel", {"place": "/out"}), {"GRIDWATCH_PACE": pace})
    assert config.pace == Terms(30.0, 5.0, 2)


def test_of_processes_that_begin_at_one_instant_one_alone_writes(tmp_path: Path) -> None:
    place, go = tmp_path / "out", tmp_path / "go"
    path = brought(tmp_path / "channel", {"place": str(place)})
    numpy = Path(np.__file__).parent.parent
    program = (
        "import os, sys, time, numpy, gridwatch_hook, gridwatch_hook.watch.writer\n"
        "print('ready', flush=True)\n"
        f"while not os.path.exists({str(go)!r}):\n"
        "    time.sleep(0.001)\n"
        "for step in range(5):\n"
        "    gridwatch_hook.log(**{f'loss_{sys.argv[1]}': 1.0}); time.sleep(0.2)\n"
    )
    variables = {"PYTHONPATH": f"{path}:{numpy}", "PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(number)],
            env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for number in range(3)
    ]  # fmt: skip
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()
    go.touch()
    told = [process.communicate(timeout=60)[1] for process in started]
    assert sorted(map(bool, told)) == [False, True, True]
    assert all("another process writes as rank 0" in text for text in told if text)
    reader = TensorReader(LocalSource(place / "debug-output"))
    saved = {name for step in reader.new_steps(Cursor(), ended=True) for name in step.names}
    assert {name for name in saved if name.startswith("loss_")} == {f"loss_{told.index('')}"}
    again = start(f"{sys.version_info[0]}.{sys.version_info[1]}", f"{path}:{numpy}",
                  "import gridwatch_hook; gridwatch_hook.log(loss=1.0)", TMPDIR=str(tmp_path))  # fmt: skip
    assert again.stderr == ""


def resources(base: Path, content: object) -> dict[str, str]:
    told = base / "input" / "config"
    told.mkdir(parents=True)
    (told / "resourceconfig.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return {"SAGEMAKER_BASE_DIR": str(base)}


GROUPS = [{"hosts": ["algo-1"]}, {"hosts": ["algo-10", "algo-3", "algo-2"]}]


@pytest.mark.parametrize(
    ("content", "other"),
    [
        ({"current_host": "algo-1", "hosts": ["algo-2", "algo-1"]}, ""),
        ({"current_host": "algo-2", "hosts": ["algo-2", "algo-1"]}, "algo-1"),
        ({"current_host": "algo-10", "hosts": ["algo-10", "algo-2", "algo-1"]}, "algo-1"),
        ({"current_host": "algo-2", "hosts": ["algo-1", "algo-2"], "instance_groups": GROUPS}, ""),
        ({"current_host": "algo-10", "hosts": ["algo-1", "algo-2"], "instance_groups": GROUPS}, "algo-2"),
        ({"current_host": "algo-2"}, ""),
        ({"current_host": "algo-2", "hosts": []}, ""),
        ([], ""),
        ("no JSON", ""),
    ],
)
def test_of_hosts_that_do_not_know_of_each_other_the_first_is_watched(
    tmp_path: Path, content: object, other: str
) -> None:
    assert watched_in_place_of(resources(tmp_path, content)) == other
    assert watched_in_place_of({"SAGEMAKER_BASE_DIR": str(tmp_path / "none")}) == ""


@pytest.mark.parametrize(
    ("host", "variables", "watched"),
    [("algo-1", {}, True), ("algo-2", {}, False), ("algo-2", {"RANK": "1", "WORLD_SIZE": "2"}, True)],
)
def test_two_hosts_that_train_each_for_itself_do_not_write_over_each_other(
    tmp_path: Path, host: str, variables: dict[str, str], watched: bool
) -> None:
    place = tmp_path / "out"
    path = brought(tmp_path / "channel", {"place": str(place)})
    base = resources(tmp_path / "ml", {"current_host": host, "hosts": ["algo-1", "algo-2"]})
    numpy = Path(np.__file__).parent.parent
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    program = "import gridwatch_hook\nfor step in range(3):\n    gridwatch_hook.log(loss=1.0)\n"
    ended = start(running, f"{path}:{numpy}", program, **base, **variables)
    told = "gridwatch_hook: no launcher says which rank this is, so that algo-1 alone is watched\n"
    assert ended.stderr == ("" if watched else told)
    assert (place / "debug-output").exists() is watched


def test_a_watch_leaves_the_place_to_a_hook_that_the_script_makes(tmp_path: Path) -> None:
    place = tmp_path / "out"
    path = brought(tmp_path / "channel", {"place": str(place)})
    numpy = Path(np.__file__).parent.parent
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    program = (
        "import gridwatch_hook; from gridwatch_hook import Hook\n"
        f"hook = Hook.create({str(place / 'debug-output')!r})\n"
        "for step in range(3):\n"
        "    hook.save_scalar('own', float(step), 'losses'); hook.next_step(); gridwatch_hook.log(loss=1.0)\n"
    )
    ended = start(running, f"{path}:{numpy}", program)
    assert ended.stderr == "gridwatch_hook: this training writes with a hook of its own, which alone is used\n"
    reader = TensorReader(LocalSource(place / "debug-output"))
    assert {name for step in reader.new_steps(Cursor(), ended=True) for name in step.names} == {"own"}
    elsewhere = start(running, f"{path}:{numpy}", program.replace("debug-output", "elsewhere"))
    assert elsewhere.stderr == ""
