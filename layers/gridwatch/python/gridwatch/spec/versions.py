"""Which XGBoost images a spec may ask for, and until when AWS patches them.

Source: "Pre-built SageMaker AI Docker images support policy" and "XGBoost algorithm" of the SageMaker developer guide,
read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from gridwatch.spec.problems import Problem, did_you_mean, shown

SUPPORTED_UNTIL = {"3.2-0": date(2027, 5, 13)}
ENDED = {
    "3.0-5": "its support ended 2026-11-17",
    "1.7-1": "its support ended 2025-03-06",
    "1.5-1": "its support ended 2023-02-21",
    "1.3-1": "its support ended 2022-05-21",
    "1.2-2": "its support ended in 2021",
    "1.2-1": "its support ended in 2021",
    "1.0-1": "it is no longer supported",
    "latest": "it names an XGBoost of 2018",
    "1": "it names an XGBoost of 2018",
}
NEWEST = "3.2-0"


def check_version(version: str, today: date) -> tuple[list[Problem], list[Problem]]:
    """Problems and warnings. A version past its support is refused as long as there is one to replace it."""
    return list(_problems(version)), list(_warnings(version, today))


def _problems(version: str) -> Iterator[Problem]:
    path = ("algorithm", "version")
    known = ", ".join(SUPPORTED_UNTIL)
    if version in ENDED:
        message, replacement = f"cannot be used: {ENDED[version]}", f"{NEWEST} replaces it"
        yield Problem(path=path, message=message, found=version, allowed=known, advice=replacement)
    elif version not in SUPPORTED_UNTIL:
        advice = did_you_mean(version, SUPPORTED_UNTIL)
        yield Problem(
            path=path,
            message="is no version of SageMaker's XGBoost",
            found=shown(version),
            allowed=known,
            advice=advice,
        )


def _warnings(version: str, today: date) -> Iterator[Problem]:
    until = SUPPORTED_UNTIL.get(version)
    if until and today > until:
        message = f"AWS stopped patching this image on {until}"
        yield Problem(path=("algorithm", "version"), message=message, advice="update Gridwatch for newer versions")
