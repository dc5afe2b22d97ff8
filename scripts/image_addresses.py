"""Writes the addresses of AWS's training images: `python -m scripts.image_addresses FOLDER`.

FOLDER is `sagemaker/core/image_uri_config` of the sagemaker-core package, whose registries are Gridwatch's source; the
result, `gridwatch/spec/images.json`, holds what training needs of them. `make test-sagemaker` compares every address
that it gives with the package's own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "gridwatch/spec/images.json"
ALGORITHMS = (
    "blazingtext", "factorization-machines", "forecasting-deepar", "image-classification", "ipinsights", "kmeans",
    "knn", "lda", "linear-learner", "ntm", "object-detection", "object2vec", "pca", "randomcutforest",
    "semantic-segmentation", "seq2seq",
)  # fmt: skip
FRAMEWORKS = {
    "huggingface": ("huggingface-pytorch-training", "huggingface-tensorflow-training"),
    "pytorch": ("pytorch-training",),
    "pytorch-smp": ("smdistributed-modelparallel",),
    "sklearn": ("sagemaker-scikit-learn",),
    "tensorflow": ("tensorflow-training",),
    "xgboost": ("sagemaker-xgboost",),
}


def document(folder: Path) -> dict[str, Any]:
    registries: dict[str, dict[str, str]] = {}

    def shared(accounts: dict[str, str]) -> str:
        """The name of a set of accounts, the same for all images that share it."""
        for name, known in registries.items():
            if known == accounts:
                return name
        registries[f"r{len(registries)}"] = dict(sorted(accounts.items()))
        return f"r{len(registries) - 1}"

    algorithms, frameworks = {}, {}
    for name in ALGORITHMS:
        entry = _training(folder, name)["versions"]["1"]
        algorithms[name] = {"repository": entry["repository"], "registry": shared(entry["registries"]), "tag": "1"}
    for name, repositories in FRAMEWORKS.items():
        frameworks[name] = {
            version: {
                "repository": entry["repository"],
                "registry": shared(entry["registries"]),
                "tag": tag,
                "processors": processors,
            }
            for version, entry, tag, processors in _versions(_training(folder, name), name)
            if entry["repository"] in repositories
        }
    return {"registries": registries, "algorithms": algorithms, "frameworks": frameworks}


def _training(folder: Path, name: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    training: dict[str, Any] = config.get("training", config)
    return training


def _versions(config: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any], str, list[str]]]:
    """The versions of an entry: version, entry, tag with `{processor}` in it, processors. Of several base images or
    Pythons, the last.
    """
    if name == "pytorch-smp":
        yield from _library_versions(config)
        return
    for version, entry in config["versions"].items():
        if name == "huggingface":
            bases = [base for base in entry if base.startswith(("pytorch", "tensorflow"))]
            chosen = [base for base in bases if base.startswith("pytorch")][-1:] or bases[-1:]
            if not chosen or "py_versions" not in entry[chosen[0]]:
                continue
            inner = entry[chosen[0]]
            base = chosen[0].removeprefix("pytorch").removeprefix("tensorflow")
            system = inner.get("container_version", {}).get("gpu")
            parts = [f"{base}-transformers{version}", "{processor}", inner["py_versions"][-1], system]
            yield version, inner, "-".join(part for part in parts if part), ["gpu"]
        elif "repository" in entry:
            processors = entry.get("processors", [] if name == "xgboost" else config.get("processors", []))
            parts = [version, "{processor}" if processors else None, (entry.get("py_versions") or [None])[-1]]
            yield version, entry, "-".join(part for part in parts if part), processors


def _library_versions(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str, list[str]]]:
    """The package lists the model parallel library's versions, and PyTorch's as their aliases; the tags have PyTorch's,
    and CUDA's as `image_uris.get_training_image_uri` chooses it.
    """
    for version in ("2.1.2", "2.2.0", "2.3.1", "2.4.1", "2.5.1"):
        entry = config["versions"][config.get("version_aliases", {}).get(version, version)]
        cuda = "cu124" if version.startswith("2.5") else "cu121"
        yield version, entry, f"{version}-{{processor}}-{entry['py_versions'][-1]}-{cuda}", config["processors"]


def main() -> None:
    made = document(Path(sys.argv[1]))
    TARGET.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
