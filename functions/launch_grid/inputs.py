"""The inputs of a spec's jobs: data, packed script, and the model that they continue from. Each must exist."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gridwatch.launch.best import best_trial
from gridwatch.launch.ports import ExperimentBucket, StoredSpec
from gridwatch.launch.template import Inputs
from gridwatch.launch.windows import window_manifest
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parse import ParsedSpec
from gridwatch.spec.problems import Path, Problem, shown
from gridwatch.spec.windows import channel_uris
from gridwatch.state.store import StateStore
from gridwatch.storage.layout import SOURCE_PREFIX, s3_uri, split_s3_uri
from gridwatch_rules.failures import PermanentError

_TOLD = 5  # days
_PACKED = re.compile(rf"{re.escape(SOURCE_PREFIX)}([0-9a-f]{{64}})\.tar\.gz")


def find_inputs(parsed: ParsedSpec, stored: StoredSpec, bucket: ExperimentBucket, store: StateStore) -> Inputs:
    """The inputs. Raises SpecError with everything that is missing."""
    search = _Search(parsed.spec, stored, bucket, store)
    source_uri, source_digest = search.source()
    inputs = Inputs(
        etags={channel: search.etags(channel) for channel in parsed.spec.data},
        source_uri=source_uri,
        source_digest=source_digest,
        model_uri=search.model(),
    )
    if search.problems:
        raise parsed.refuse(search.problems)
    return inputs


@dataclass(slots=True)
class _Search:
    """Looks at each input once; `problems` says what was not found."""

    spec: ExperimentSpec
    stored: StoredSpec
    bucket: ExperimentBucket
    store: StateStore
    problems: list[Problem] = field(default_factory=list)

    def etags(self, channel: str) -> Mapping[str, str]:
        data = self.spec.data[channel]
        uris = channel_uris(data, self.bucket.name, self.stored.uploaded_at.date())
        path, advice = ("data", channel, "uri"), "upload the data first, then the spec once more"
        if data.window is not None:
            return self._window(channel, uris)
        return self._objects(path, uris[0], advice) if uris else {}  # what is in a file system nobody but the jobs sees

    def _window(self, channel: str, uris: Sequence[str]) -> Mapping[str, str]:
        """The objects of all days, with a manifest of them for the jobs."""
        data, path = self.spec.data[channel], ("data", channel, "window")
        found: dict[str, str] = {}
        lacking: list[str] = []
        for uri in uris:
            of_day = self._listed(("data", channel, "uri"), uri)
            if of_day is None:
                return {}
            found |= of_day
            if not of_day:
                lacking.append(uri)
        if len(lacking) > (data.window.may_lack if data.window else 0) or not found:
            told = ", ".join(lacking[:_TOLD]) + (f" and {len(lacking) - _TOLD} more" if len(lacking) > _TOLD else "")
            message = f"of {len(lacking)} of the {len(uris)} days there is no data"
            advice = "upload it first, then the spec once more; or say with may_lack how many days may be missing"
            self.problems.append(Problem(path=path, message=message, found=told, advice=advice))
            return {}
        key, content = window_manifest(data, self.bucket.name, found)
        self.bucket.write_window(key, content)
        return found

    def source(self) -> tuple[str | None, str]:
        algorithm, path = self.spec.algorithm, ("algorithm", "source")
        if algorithm.entry_point is None:
            return None, ""
        if not algorithm.has_local_source:
            uri = algorithm.source or ""
            objects = self._objects(path, uri, "upload the archive first, then the spec once more")
            return uri, objects.get(split_s3_uri(uri)[1], "")
        packed = _PACKED.fullmatch(self.stored.source or "")
        if packed is None:
            message = "the script was not uploaded with the spec"
            advice = "use `gridwatch submit`, which packs it, or name an archive in S3"
            self.problems.append(Problem(path=path, message=message, found=shown(algorithm.source), advice=advice))
            return None, ""
        uri = s3_uri(self.bucket.name, packed[0])
        self._objects(path, uri, "submit the spec once more")
        return uri, packed[1]

    def model(self) -> str | None:
        start = self.spec.start_from
        if start is None:
            return None
        if start.model is not None:
            self._objects(("start_from", "model"), start.model, "name a model that is there")
            return start.model
        best = best_trial(self.store, start.experiment or "")
        if best is None or best.model_uri is None:
            message = "has no completed trial with a model"
            path = ("start_from", "experiment")
            self.problems.append(Problem(path=path, message=message, found=start.experiment))
            return None
        return best.model_uri

    def _objects(self, path: Path, uri: str, advice: str) -> Mapping[str, str]:
        found = self._listed(path, uri)
        if found is not None and not found:
            message = "there is no object at this address"
            self.problems.append(Problem(path=path, message=message, found=shown(uri), advice=advice))
        return found or {}

    def _listed(self, path: Path, uri: str) -> Mapping[str, str] | None:
        """The objects under an address; None when they may not be listed, which is then a problem."""
        try:
            return self.bucket.etags(uri)
        except PermanentError as error:
            message, asked = f"cannot be read: {error.code or error}", "may the deployment read it? (data_bucket_arns)"
            self.problems.append(Problem(path=path, message=message, found=shown(uri), advice=asked))
            return None
