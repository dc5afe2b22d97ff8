"""Checks of the versions of AWS's images: which a spec may ask for, and until when AWS patches them.

Source: "Pre-built SageMaker AI Docker images support policy" and "XGBoost algorithm" of the SageMaker developer guide;
"Framework Support Policy" of AWS Deep Learning Containers; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from gridwatch.spec.images import framework_versions, full_version
from gridwatch.spec.parts.algorithm import Algorithm
from gridwatch.spec.problems import Problem, did_you_mean, enumerated, shown

SUPPORTED_UNTIL = {"3.2-0": date(2027, 5, 13)}
ENDED = {
    "3.0-5": "its support ended 2026-11-17",
    "1.7-1": "its support ended 2025-03-06",
    "1.5-1": "its support ended 2023-02-21",
    "1.3-1": "its support ended 2022-05-21",
    "1.2-2": "its support ended in 2021",
    "1.2-1": "its support ended in 2021",
    "1.0-1": "it is no longer supported",
    "0.90-2": "it is no longer supported",
    "0.90-1": "it is no longer supported",
    "latest": "it names an XGBoost of 2018",
    "1": "it names an XGBoost of 2018",
}
NEWEST = "3.2-0"
# By major and minor version.
PATCHED_UNTIL = {
    "pytorch": {
        "2.10": date(2027, 1, 21), "2.9": date(2026, 10, 15), "2.8": date(2026, 8, 6), "2.7": date(2026, 4, 23),
        "2.6": date(2026, 1, 29), "2.5": date(2025, 11, 24), "2.4": date(2025, 7, 24), "2.3": date(2025, 4, 24),
        "2.2": date(2025, 1, 30), "2.1": date(2024, 10, 4), "1.13": date(2024, 10, 28), "2.0": date(2024, 3, 15),
    },
}  # fmt: skip


def check_version(algorithm: Algorithm, today: date) -> tuple[list[Problem], list[Problem]]:
    """Problems and warnings about a version. A version of XGBoost past its support is refused if there is one to
    replace it, because Gridwatch's script is made for the newest. With other frameworks the script is the user's, who
    is warned.
    """
    if algorithm.is_own_xgboost:
        return list(_problems(algorithm.version)), list(_warnings(algorithm.version or "", today))
    if algorithm.framework is not None:
        return list(_unknown(algorithm.framework, algorithm.version)), list(_old(algorithm, today))
    return [], []


def _missing(allowed: str) -> Problem:
    return Problem(path=("algorithm", "version"), message="is required and missing", allowed=allowed)


def _unknown(framework: str, version: str | None) -> Iterator[Problem]:
    known = framework_versions(framework)
    if version is None:
        yield _missing(enumerated(reversed(known), 12))
    elif full_version(framework, version) is None:
        advice = did_you_mean(version, known) or f"{known[-1]} is the newest"
        message = f"AWS has no such image of {framework}"
        allowed = enumerated(reversed(known), 12)
        yield Problem(
            path=("algorithm", "version"), message=message, found=shown(version), allowed=allowed, advice=advice
        )


def _old(algorithm: Algorithm, today: date) -> Iterator[Problem]:
    framework, path = algorithm.framework or "", ("algorithm", "version")
    full = full_version(framework, algorithm.version or "")
    newest = framework_versions(framework)[-1]
    if full is None or full == newest:
        return
    until = PATCHED_UNTIL.get(framework, {}).get(".".join(full.split(".")[:2]))
    if framework == "xgboost" and full in ENDED:
        yield Problem(path=path, message=ENDED[full], found=full, advice=f"{newest} replaces it")
    elif until is not None and today > until:
        message = f"AWS stopped patching this image on {until}"
        yield Problem(path=path, message=message, found=full, advice=f"{newest} replaces it")
    elif until is None:
        message = "is not the newest image, and for how long AWS patches it is not known here"
        yield Problem(path=path, message=message, found=full, advice=f"{newest} is the newest")


def _problems(version: str | None) -> Iterator[Problem]:
    path = ("algorithm", "version")
    known = ", ".join(SUPPORTED_UNTIL)
    if version is None:
        yield _missing(known)
    elif version in ENDED:
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
