"""Rule sets in the experiments bucket: `rule-sets/<name>.yaml`, `.yml` or `.json`."""

from __future__ import annotations

import re
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.launch.watching import RuleSetError, StoredRuleSet
from gridwatch.storage.layout import rule_set_keys
from gridwatch_rules.failures import NotFoundError, PermanentError

_NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,63}")


class S3RuleSets:
    """Implements `gridwatch.launch.watching.RuleSets`."""

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = bucket
        self._s3 = s3

    def load(self, name: str) -> StoredRuleSet:
        if not _NAME.fullmatch(name):
            raise RuleSetError(name, "", ("its name must be letters, digits and hyphens",))
        for key in rule_set_keys(name):
            answer = self._get(key)
            if answer is not None:
                return _parsed(name, key, answer)
        raise RuleSetError(name, "", (f"there is no {rule_set_keys(name)[0]} in the experiments bucket",))

    def _get(self, key: str) -> Any:
        try:
            with translated():
                return self._client.get_object(Bucket=self._bucket, Key=key)
        except NotFoundError:
            return None
        except PermanentError as error:
            # Without the right to list, S3 answers 403 for a key that is not there.
            if error.code in ("403", "AccessDenied"):
                return None
            raise

    @property
    def _client(self) -> Any:
        return self._s3 or client("s3")


def _parsed(name: str, key: str, answer: Any) -> StoredRuleSet:
    # Only jobs of others need it, and the spec's model takes longer to import than all the rest.
    from gridwatch.spec.problems import SpecError  # noqa: PLC0415
    from gridwatch.spec.reading import MAX_BYTES  # noqa: PLC0415
    from gridwatch.spec.rule_set import parse_rule_set  # noqa: PLC0415

    version = answer.get("VersionId") or answer["ETag"].strip('"')
    with answer["Body"] as body:
        content = body.read(MAX_BYTES + 1)
    try:
        parsed = parse_rule_set(content)
    except SpecError as error:
        raise RuleSetError(name, version, tuple(error.as_text(key).splitlines())) from error
    return StoredRuleSet(
        name=name,
        key=key,
        version=version,
        uploaded_at=answer["LastModified"],
        policies=parsed.policies,
        document={"name": name, **parsed.document},
        warnings=tuple(warning.as_text(key) for warning in parsed.warnings),
    )
