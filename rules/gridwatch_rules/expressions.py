"""Conditions that people write in CEL, restricted to expressions that end soon.

The text is not trusted. CEL evaluates no code and has no side effects, but its macros nest into loops within loops, its
`map` makes values that grow with each use, and a regular expression is compiled anew for each value. So the text is
read into tokens first, and anything unknown, too long, too deep or too costly is refused before the compiler sees it.
The remaining expressions take time in proportion to the values that they look at.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MAX_LENGTH = 2_000
MAX_TOKENS = 400
MAX_DEPTH = 20
MAX_LOOPS = 4  # loops one after the other; they may not nest
FUNCTIONS = frozenset(
    {"bool", "contains", "double", "dyn", "endsWith", "has", "int", "size", "startsWith", "string", "type", "uint"}
)
LOOPS = frozenset({"all", "exists", "exists_one", "filter"})
_SHOWN = 80

# Raw, byte and triple-quoted strings and comments are refused, so that this reader and CEL agree on every token.
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<number>0x[0-9a-fA-F]+u?|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?u?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>&&|\|\||[<>=!]=|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE,
)


class ExpressionError(ValueError):
    """The text is not an allowed expression, or has no answer for the given values; the message says which."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition on named values. `names` are the values that it looks at."""

    text: str
    names: frozenset[str]
    _program: Any

    @classmethod
    def compile(cls, text: str) -> Condition:
        """Compile the text. Raises ExpressionError."""
        check_grammar(text)
        import cel  # noqa: PLC0415 - the compiler takes long to load, and few have expressions

        try:
            program = cel.compile(text)
            return cls(text, frozenset(program.variables()), program)
        except BaseException as error:  # noqa: BLE001 - see _ordinary
            raise ExpressionError(f"is no CEL expression: {_first_line(error)}") from _ordinary(error)

    def keys(self, name: str) -> frozenset[str]:
        """The keys of the map `name` that appear in the text, as in `name['key']` and `'key' in name`."""
        tokens = list(_tokens(self.text))
        indexed = (key for (_, one), (_, bracket), key in _triples(tokens) if (one, bracket) == (name, "["))
        asked = (key for key, (_, word), (_, one) in _triples(tokens) if (word, one) == ("in", name))
        return frozenset(_plain(text) for kind, text in (*indexed, *asked) if kind == "string")

    @property
    def numbers(self) -> frozenset[float]:
        """The numbers that appear in the text."""
        written = (text.rstrip("u") for kind, text in _tokens(self.text) if kind == "number")
        return frozenset(float(int(text, 16)) if text.startswith("0x") else float(text) for text in written)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Evaluate the condition. `values` may hold more than the expression looks at. Raises ExpressionError, and
        KeyError for a missing key of a map.
        """
        known = {name: value for name, value in values.items() if name in self.names}
        try:
            answer = self._program.execute(known)
        except KeyError:
            raise
        except BaseException as error:  # noqa: BLE001 - see _ordinary
            raise ExpressionError(f"has no answer: {_first_line(error)}") from _ordinary(error)
        if not isinstance(answer, bool):
            raise ExpressionError(f"is neither true nor false, but {repr(answer)[:_SHOWN]}")
        return answer


def check_grammar(text: str) -> None:
    """Raise ExpressionError if the text is not allowed. Text that passes may still be invalid CEL."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"is too long: {len(text):,} characters, allowed are {MAX_LENGTH:,}")
    tokens = list(_tokens(text))
    if len(tokens) > MAX_TOKENS:
        raise ExpressionError(f"is too long: {len(tokens):,} words and signs, allowed are {MAX_TOKENS:,}")
    _check_calls(tokens)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each token, without the space between them."""
    position, before = 0, ("space", "")
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise ExpressionError(f"has something that is not allowed at character {position + 1}")
        token = (str(found.lastgroup), found[0])
        if token[0] == "string" and before[0] in ("name", "string"):
            raise ExpressionError("has a string that is not in plain quotes: allowed are 'text' and \"text\"")
        if token[1] == "/" and before[1] == "/":
            raise ExpressionError("has a comment, which is not allowed")
        if token[0] != "space":
            yield token
        before, position = token, found.end()


def _triples(tokens: list[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], tuple[str, str], tuple[str, str]]]:
    return zip(tokens, tokens[1:], tokens[2:], strict=False)


def _plain(text: str) -> str:
    """The value of a string literal; CEL's escapes are Python's."""
    try:
        return str(literal_eval(text))
    except (ValueError, SyntaxError):
        return text[1:-1]


def _check_calls(tokens: list[tuple[str, str]]) -> None:
    open_loops: list[bool] = []  # for each open bracket, whether it is inside a loop
    loops = 0
    called = ""
    for kind, sign in tokens:
        if sign == "(" and called:
            loops += _check_call(called, inside=any(open_loops[-1:]))
        if loops > MAX_LOOPS:
            raise ExpressionError(f"goes through lists more than {MAX_LOOPS} times")
        if kind == "sign" and sign in "([{":
            open_loops.append(any(open_loops[-1:]) or (sign == "(" and called in LOOPS))
            if len(open_loops) > MAX_DEPTH:
                raise ExpressionError(f"is nested too deeply: allowed are {MAX_DEPTH} brackets")
        elif kind == "sign" and sign in ")]}" and open_loops:
            open_loops.pop()
        called = sign if kind == "name" and sign != "in" else ""


def _check_call(name: str, *, inside: bool) -> bool:
    """Check a call, and return whether it is a loop."""
    if name in LOOPS:
        if inside:
            raise ExpressionError(f"has {name}(...) inside of another loop, which could take forever")
        return True
    if name not in FUNCTIONS:
        allowed = ", ".join(sorted(FUNCTIONS | LOOPS))
        raise ExpressionError(f"calls {name[:_SHOWN]}: allowed are {allowed}")
    return False


def _ordinary(error: BaseException) -> BaseException:
    """Return `error`, unless it means that the interpreter exits. CEL's compiler raises errors beyond Exception."""
    if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError)):
        raise error
    return error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
