"""Specs: valid ones with changes, ones made from the JSON Schema, and files that are hostile as YAML."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from gridwatch.spec.reading import read_document
from gridwatch.spec.schema import experiment_schema
from tests.fuzz.values import anything, broken, changed, scalar

ROOT = Path(__file__).resolve().parents[2]


@cache
def valid() -> tuple[str, ...]:
    """Valid specs: the examples, and every spec that the documentation shows."""
    examples = [path.read_text() for path in sorted((ROOT / "examples").glob("*.yaml"))]
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "spec.md").read_text(), re.DOTALL)
    return (*examples, *(block for block in blocks if block.startswith("name:")))


@cache
def _documents() -> tuple[dict[str, Any], ...]:
    return tuple(read_document(text.encode()).value for text in valid())


@cache
def _schema() -> dict[str, Any]:
    return experiment_schema()


def spec(random: Random) -> bytes:
    makers = (_changed, _changed, _with_parts, _with_parts, _from_schema, _cut, _hostile, _json, _bytes)
    return random.choice(makers)(random)


def _changed(random: Random) -> bytes:
    return written(changed(random.choice(_documents()), random), random)


def _with_parts(random: Random) -> bytes:
    """A valid spec with parts generated from the schema, so that every field is reached, including future ones."""
    document = dict(random.choice(_documents()))
    fields = list(_schema()["properties"])
    for name in random.sample(fields, random.randrange(1, 4)):
        document[name] = of_schema(_schema()["properties"][name], random)
    return written(document, random)


def _from_schema(random: Random) -> bytes:
    return written(of_schema(_schema(), random), random)


def _cut(random: Random) -> bytes:
    return broken(random.choice(valid()).encode(), random)


def _json(random: Random) -> bytes:
    document = changed(random.choice(_documents()), random)
    return json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def _bytes(random: Random) -> bytes:
    return random.randbytes(random.randrange(400))


def written(document: Any, random: Random) -> bytes:
    if random.random() < 0.5:
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return text.encode("utf-8", "surrogatepass")


def _hostile(random: Random) -> bytes:
    base = random.choice(valid())
    size = random.choice((10, 200, 3_000))
    return random.choice(
        (
            lambda: "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}, *a]\n" for n in range(30)),
            lambda: "".join(f"k{n}: &k{n} {{a: {'1' if n == 0 else f'*k{n - 1}'}}}\n" for n in range(40)) + base,
            lambda: base + "extra: " + "[" * size + "]" * size,
            lambda: base + "extra: " + "{a: " * size + "1" + "}" * size,
            lambda: base + "\n" + " ".join("- " * size),
            lambda: base.replace("name:", random.choice(("!!python/name:os.system ", "!x ", "!!binary ", "&a ")) + "name:", 1),
            lambda: base + "rules: !!python/object/apply:os.system ['id']\n",
            lambda: base + "name: twice\nname: thrice\n",
            lambda: "<<: {name: merged}\n" + base,
            lambda: "base: &b {name: x}\n<<: *b\n" + base,
            lambda: "a: &a\n  b: *a\n" + base,
            lambda: "\ufeff" + base, lambda: base + "\0", lambda: base.replace(":", ":\t"), lambda: base.replace("\n", "\r"),
            lambda: base + "---\n" + base, lambda: "%YAML 3.7\n---\n" + base, lambda: "? [a, b]\n: c\n" + base,
            lambda: base + f"limits: {{trials: {'9' * size}}}\n", lambda: base + f"priority: 1e{size}\n",
            lambda: base + "grid: {eta: [" + ", ".join(str(n) for n in range(size)) + "]}\n",
            lambda: base + "grid: {" + ", ".join(f"p{n}: [1, 2]" for n in range(min(size, 120))) + "}\n",
            lambda: base + "rules: [" + "{rule: LossNotDecreasing}, " * size + "]\n",
            lambda: base + "tags: {" + ", ".join(f"t{n}: v" for n in range(size)) + "}\n",
            lambda: base + f"description: '{'x' * size * 100}'\n",
        )
    )().encode("utf-8", "surrogatepass")  # fmt: skip


def of_schema(schema: dict[str, Any], random: Random, depth: int = 0) -> Any:
    """A value that the schema mostly allows, and sometimes does not."""
    if random.random() < 0.03 or depth > 8:
        return anything(random, 2)
    if "$ref" in schema:
        return of_schema(_schema()["$defs"][schema["$ref"].rpartition("/")[2]], random, depth + 1)
    for choice in ("anyOf", "allOf"):
        if choice in schema and "properties" not in schema:
            return of_schema(random.choice(schema[choice]), random, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return random.choice(schema["enum"])
    if "default" in schema and random.random() < 0.2:
        return schema["default"]
    kind = schema.get("type")
    kind = random.choice(kind) if isinstance(kind, list) else kind
    makers = {"object": _object, "array": _array, "string": _text, "integer": _number, "number": _number}
    if kind in makers:
        return makers[kind](schema, random, depth)
    return {"boolean": random.random() < 0.5, "null": None}.get(str(kind), scalar(random))


def _object(schema: dict[str, Any], random: Random, depth: int) -> dict[str, Any]:
    made = {}
    for name, part in schema.get("properties", {}).items():
        if name in schema.get("required", ()) or random.random() < (0.35 if depth < 3 else 0.2):
            made[name] = of_schema(part, random, depth + 1)
    further = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    for part in further:
        if isinstance(part, dict):
            for _ in range(random.randrange(4)):
                made[random.choice(("train", "validation", "eta", "max_depth", "a", str(scalar(random))))] = of_schema(
                    part, random, depth + 1
                )
    return made


def _array(schema: dict[str, Any], random: Random, depth: int) -> list[Any]:
    if "prefixItems" in schema:
        return [of_schema(part, random, depth + 1) for part in schema["prefixItems"]]
    low = schema.get("minItems", 0)
    return [of_schema(schema.get("items", {}), random, depth + 1) for _ in range(low + random.randrange(4))]


def _text(schema: dict[str, Any], random: Random, depth: int) -> str:
    known = schema.get("examples") or ("a", "abc", "train", "weights", "error", "s3://bucket/key", "model.tar.gz", "1h")
    if random.random() < 0.6:
        return str(random.choice(known))
    length = random.choice((schema.get("minLength", 0), schema.get("maxLength", 20), schema.get("maxLength", 20) + 1))
    return random.choice(("a" * length, "é" * length, str(scalar(random))))


def _number(schema: dict[str, Any], random: Random, depth: int) -> float:
    edges = [schema[key] for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum") if key in schema]
    known = [*edges, *(edge + 1 for edge in edges), *(edge - 1 for edge in edges), 1, 2, 10]
    chosen = random.choice(known)
    return chosen if schema["type"] == "integer" or random.random() < 0.5 else chosen + 0.5
