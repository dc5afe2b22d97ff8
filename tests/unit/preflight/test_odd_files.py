"""Whatever the bytes are: an answer in bounded memory and no exception."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import pytest

from gridwatch.domain.notices import Level
from gridwatch.preflight.sampling import BLOCK, FULL, MAX_LINE, Budget, LocalData, Sample
from gridwatch.preflight.targets import targets_of
from tests.unit.preflight.planting import clean, notices, text

PIECES = (b"1", b"0", b",", b"\n", b"\r\n", b" ", b"nan", b"inf", b"-", b"e", b"\x00", b"\xff", b"\t", b";", b"1:2",
          b"1e999", b"qid:3", b"#", b'"', b"label", b"9" * 400, b"\xe2\x82\xac")  # fmt: skip


@pytest.mark.parametrize("content_type", ["text/csv", "text/libsvm", "parquet"])
@pytest.mark.parametrize("seed", range(40))
def test_garbage_gives_notices_and_never_an_exception(content_type: str, seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    channels = {name: b"".join(chance.choices(PIECES, k=chance.randrange(1, 400))) for name in ("train", "validation")}
    targets = targets_of([{"objective": chance.choice(["binary:logistic", "reg:squarederror"])}])
    for notice in notices(tmp_path, channels, content_type=content_type, targets=targets):
        assert notice.message
        assert notice.as_text()
        assert notice.level in Level


@pytest.mark.parametrize("seed", range(20))
def test_binary_garbage_is_refused(seed: int, tmp_path: Path) -> None:
    content = random.Random(seed).randbytes(5_000)
    assert any(notice.level is Level.REFUSE for notice in notices(tmp_path, {"train": content}))


def test_an_endless_line_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    content = b"1," * (MAX_LINE * 4)
    tracemalloc.start()
    found = notices(tmp_path, {"train": content})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [notice.check for notice in found if notice.level is Level.REFUSE] == ["format"]
    assert peak < 256 << 20


def test_a_large_file_is_sampled_evenly_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text(text(clean(40_000, 10)))
    sample = Sample.of(LocalData(file), Budget(read=8 * BLOCK))
    starts = [start for _, start, _ in sample.ranges]
    assert not sample.is_whole
    assert starts[0] == 0
    assert starts[-1] > sample.total // 2
    width = {line.text.count(b",") for line in sample.lines()}
    assert width == {10}  # no line is cut


def test_lines_are_the_files_own_whatever_the_blocks(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    content = "\n".join("1," + "2" * (at % 5_000) for at in range(500))
    file.write_text(content)
    lines = list(Sample.of(LocalData(file), FULL).lines())
    assert [line.text.decode() for line in lines] == content.split("\n")
    assert [line.row for line in lines] == list(range(1, 501))
