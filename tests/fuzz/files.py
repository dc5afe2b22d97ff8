"""Files that other programs wrote: tensors of a job, curves for a replay, data sets, price tables, answers of users'
rules.
"""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from gridwatch.preflight.sampling import FULL
from gridwatch.savings.prices import PriceTable, PriceTableError
from gridwatch_rules.judgement.grids import GridError, parse_grid
from gridwatch_rules.rules.custom.answer import parse_answer
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from tests.fuzz.defects import readable
from tests.fuzz.values import TEXTS, anything, broken, changed
from tests.tensor_folder import MemorySource, TensorFolder
from tests.unit.preflight.planting import clean, notices, text

NOW = datetime(2026, 11, 21, tzinfo=UTC)
RULES = (
    "LossNotDecreasing",
    "VanishingGradient",
    "WeightUpdateRatio",
    "Overfit",
    "AllZero",
    "TensorVariance",
    "TreeDepth",
)


@cache
def _folder() -> dict[str, bytes]:
    folder = TensorFolder({"metrics": ["loss"], "losses": ["loss"], "gradients": ["gradient"], "weights": ["weight"]})
    for step in range(6):
        value = np.linspace(0, 1, 12).reshape(3, 4) / (step + 1)
        tensors = {"loss": [1.0 / (step + 1)], "gradient/a": value, "weight/a": value, "validation-loss": [0.5]}
        folder.save(step, tensors, reductions={"weight/a": {"mean": 0.5, "abs_mean": 0.5}})
    folder.end()
    return folder.objects


def tensors(random: Random) -> bytes:
    """A job's folder with some broken files, as JSON of latin-1 texts."""
    objects = dict(_folder())
    for key in random.sample(sorted(objects), random.randrange(1, 4)):
        if key.endswith(".json") and random.random() < 0.6:
            objects[key] = json.dumps(changed(json.loads(objects[key]), random)).encode("utf-8", "surrogatepass")
        else:
            objects[key] = broken(objects[key], random)
        if random.random() < 0.1:
            odd = random.choice(
                ("index/000000000/x.json", "index/000000000/" + "9" * 30 + "_worker_0.json", "events/../x")
            )
            objects[odd] = objects.pop(key)
    return json.dumps({key: content.decode("latin-1") for key, content in objects.items()}).encode()


def take_tensors(content: bytes) -> bool:
    """Read tensors as the rules do and judge them; a damaged file is reported, or the rules end with status Error."""
    source = MemorySource({key: text.encode("latin-1") for key, text in json.loads(content).items()})
    evaluation = Evaluation.create(
        [RuleConfiguration(name=rule, rule=rule, parameters=_parameters(rule)) for rule in RULES]
    )
    changes = evaluation.advance(TensorReader(source), now=NOW, ended=True)
    for change in changes:
        readable(change.details or "")
    reader = TensorReader(source)
    try:
        for step in reader.new_steps(Cursor(), ended=True):
            for name in step.names:
                reader.value(step, name)
    except (CorruptTensorError, LookupError) as error:
        readable(str(error))
        return False
    return True


def _parameters(rule: str) -> dict[str, str]:
    return {"AllZero": {"tensor_regex": ".*"}, "TensorVariance": {"tensor_regex": ".*", "max_threshold": "9"}}.get(
        rule, {}
    )


_GRID = [
    {"config": {"eta": 0.1 * n}, "loss": [1.0, 0.5 / (n + 1), 0.3], "accuracy": [0.1, 0.2, None], "seconds": 30}
    for n in range(4)
]


def curves(random: Random) -> bytes:
    raw = json.dumps(changed(_GRID, random)).encode()
    kind = random.random()
    if kind < 0.2:
        return gzip.compress(raw)
    return broken(gzip.compress(raw) if kind < 0.3 else raw, random) if kind < 0.6 else raw


def take_curves(content: bytes) -> bool:
    try:
        parse_grid(content, "grid", metric="loss", direction="min")
    except GridError as error:
        readable(str(error))
        return False
    return True


def data(random: Random) -> bytes:
    """An input: a data set's kind, a line's end, and its content."""
    content = text(clean(40, 4, seed=random.randrange(9)))
    kind = random.choice(("text/csv", "text/libsvm"))
    if kind == "text/libsvm":
        content = "".join(f"{n % 2} 1:{n} 3:0.5\n" for n in range(40))
    made = broken(content.encode(), random)
    odd = random.choice(("", "a", "1e999", "nan", "\0", "\x1b[31m", "9" * 400, '"', ",,,,", "1:1:1", "-1:2", "1:\n"))
    place = random.randrange(len(made) + 1)
    return f"{kind}\n".encode() + made[:place] + odd.encode() * random.choice((1, 1, 3_000)) + made[place:]


def take_data(content: bytes) -> bool:
    kind, _, rest = content.partition(b"\n")
    with TemporaryDirectory() as folder:
        found = notices(Path(folder), {"train": rest}, content_type=kind.decode(), budget=FULL)
    for notice in found:
        readable(f"{notice.message} {notice.advice} {notice.field} {notice.file}")
    return True


def documents(random: Random) -> bytes:
    """A price table or an answer of a user's rule."""
    prices = {"source": "a", "date": "2026-11-01", "currency": "USD", "per_hour": {"ml.m5.large": 0.1}}
    finding = {
        "step": 3,
        "mode": "TRAIN",
        "tensor": "a",
        "sentence": random.choice(TEXTS),
        "observed": 1.0,
        "threshold": 2.0,
    }
    answer = {"status": "IssuesFound", "details": random.choice(TEXTS), "finding": finding}
    raw = json.dumps(changed(random.choice((prices, answer)), random)).encode()
    return random.choice((raw, raw, broken(raw, random), json.dumps(anything(random)).encode(), b"[" * 5_000))


def take_documents(content: bytes) -> bool:
    found = parse_answer(content, "Rule")
    readable(found.details or "")
    readable(found.finding.sentence if found.finding else "")
    try:
        PriceTable.parse(content.decode(errors="replace"))
    except PriceTableError as error:
        readable(str(error))
        return False
    return True
