"""Every value that TensorBoard's event reader finds below a folder (argument 1), checksums verified, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util


def plain(number: Any) -> Any:
    return str(number) if number.dtype.kind == "c" else number.item()


def main() -> None:
    found: dict[str, Any] = {}
    for path in sorted(Path(sys.argv[1]).rglob("*tfevents*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                # smdebug stores text without a type, which TensorBoard's conversion does not know.
                text = [item.decode() for item in value.tensor.string_val]
                numbers = [] if text else tensor_util.make_ndarray(value.tensor).reshape(-1)
                entry = {"wall_time": event.wall_time, "value": text or [plain(number) for number in numbers]}
                found.setdefault(value.tag, {})[event.step] = entry
    sys.stdout.write("ANSWER " + json.dumps(found) + "\n")


main()
