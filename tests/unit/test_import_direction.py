"""Who may import whom: docs/architecture.md's table and ladder, held by the sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.imports import PACKAGES, ROOT, against, circles, graph, imported, modules, room_of, rungs

LADDER = rungs((ROOT / "docs" / "architecture.md").read_text())
FUNCTIONS = sorted(path for path in (ROOT / "functions").iterdir() if (path / "__init__.py").exists())
FUNCTION_NAMES = {path.name for path in FUNCTIONS}
# Everything of this repository that can be imported by name.
OURS = {*PACKAGES, "infra", "scripts", "tests", "benchmarks"} | FUNCTION_NAMES
AWS_SDK = {"boto3", "botocore", "s3transfer"}
PLATFORM, ENGINE, HOOK = (PACKAGES[name] / name for name in ("gridwatch", "gridwatch_rules", "gridwatch_hook"))
# What people use at their own machines; it may make clients of its own.
AT_HOME = (PLATFORM / "cli", PLATFORM / "localcloud")
# The stand-in for smdebug has the modules of smdebug, which import each other.
OF_SMDEBUGS_SHAPE = "gridwatch_rules.rules.custom."


def violations(folder: Path, *, forbidden: set[str], exempt: tuple[Path, ...] = ()) -> list[str]:
    """`file: module` for every import of a forbidden module or of something inside it."""
    return [
        f"{source.relative_to(ROOT)}: {module}"
        for source in sorted(folder.rglob("*.py"))
        if not any(source.is_relative_to(path) for path in exempt)
        for module in imported(source)
        if any(module == name or module.startswith(f"{name}.") for name in forbidden)
    ]


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    return graph(PACKAGES)


def test_imports_lead_down_the_ladder(imports: dict[str, set[str]]) -> None:
    assert against(LADDER, imports) == []


def test_every_room_stands_on_the_ladder_once(imports: dict[str, set[str]]) -> None:
    standing = [room for rung in LADDER for room in rung]
    rooms = {room_of(module) for module in imports} - {"gridwatch", "gridwatch_rules"}
    assert sorted(standing) == sorted(rooms)


def test_no_modules_import_each_other_in_a_circle(imports: dict[str, set[str]]) -> None:
    for package, folder in (
        ("infra", ROOT),
        ("benchmarks", ROOT),
        *((name, ROOT / "functions") for name in FUNCTION_NAMES),
    ):
        imports |= graph({package: folder})
    found = circles(imports)
    assert [circle for circle in found if not all(name.startswith(OF_SMDEBUGS_SHAPE) for name in circle)] == []


def test_no_room_holds_more_than_a_third_of_the_house() -> None:
    rooms: dict[str, int] = {}
    others = [*FUNCTIONS, ROOT / "infra", ROOT / "benchmarks", ROOT / "scripts", ROOT / "hook" / "xgboost_script"]
    for package, folder in PACKAGES.items():
        for name, file in modules(package, folder).items():
            rooms[room_of(name)] = rooms.get(room_of(name), 0) + len(file.read_text().splitlines())
    for folder in others:
        rooms[folder.name] = sum(len(file.read_text().splitlines()) for file in folder.rglob("*.py"))
    assert {room: lines for room, lines in rooms.items() if lines > sum(rooms.values()) / 3} == {}


def test_the_domain_knows_no_aws() -> None:
    assert violations(PLATFORM, forbidden=AWS_SDK | {"gridwatch.aws"}, exempt=(PLATFORM / "aws", *AT_HOME)) == []
    assert violations(ENGINE, forbidden=AWS_SDK) == []


def test_the_platform_knows_the_engine_alone() -> None:
    assert violations(PLATFORM, forbidden=OURS - {"gridwatch", "gridwatch_rules"}) == []


def test_the_engine_and_the_hook_stand_alone() -> None:
    assert violations(ENGINE, forbidden=OURS - {"gridwatch_rules"}) == []
    assert violations(HOOK, forbidden=OURS - {"gridwatch_hook"}) == []
    assert violations(ROOT / "hook" / "xgboost_script", forbidden=OURS - {"gridwatch_hook"}) == []


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda path: path.name)
def test_functions_know_the_packages_alone(function: Path) -> None:
    known = {"gridwatch", "gridwatch_rules", function.name}
    at_home = {"gridwatch.cli", "gridwatch.localcloud", "gridwatch.project", "gridwatch_rules.command"}
    assert violations(function, forbidden=(OURS - known) | at_home) == []


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda path: path.name)
def test_functions_reach_aws_through_the_adapters(function: Path) -> None:
    assert violations(function, forbidden=AWS_SDK) == []


def test_infrastructure_knows_nothing_of_ours() -> None:
    assert violations(ROOT / "infra", forbidden=OURS - {"infra"}) == []


def test_the_emulator_knows_the_template_and_where_the_project_lies() -> None:
    room = PLATFORM / "localcloud"
    rooms = {f"gridwatch.{path.stem}" for path in PLATFORM.iterdir()} - {"gridwatch.localcloud", "gridwatch.project"}
    assert violations(room, forbidden=(OURS - {"gridwatch"}) | rooms) == []


def test_a_forbidden_import_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "bad.py").write_text("def f():\n    from gridwatch import aws\n    import boto3.session\n")
    assert violations(tmp_path, forbidden={"gridwatch.aws", "boto3"}) == [
        "bad.py: gridwatch.aws",
        "bad.py: boto3.session",
    ]


HOUSE = {
    "attic/up.py": "from house.cellar.coal import heat\n",
    "cellar/coal.py": "def heat():\n    from house.attic import up\n",
    "cellar/wine.py": "import house.cellar.coal\n",
    "hall/door.py": "from house.den import chair\n",
    "den/chair.py": "x = 1\n",
}


@pytest.fixture
def house(tmp_path: Path) -> dict[str, set[str]]:
    for name, text in HOUSE.items():
        (tmp_path / "house" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "house" / name).write_text(text)
    return graph({"house": tmp_path})


def test_an_import_against_the_ladder_is_seen(house: dict[str, set[str]]) -> None:
    """Upwards, also inside a function, and from a room to another on the same rung."""
    ladder = rungs("# Page\n```ladder\nhouse.attic\nhouse.hall | house.den\nhouse.cellar\n```\n")
    assert against(ladder, house) == ["house.cellar.coal -> house.attic.up", "house.hall.door -> house.den.chair"]


def test_a_circle_of_modules_is_seen(house: dict[str, set[str]]) -> None:
    assert circles(house) == [["house.attic.up", "house.cellar.coal"]]
