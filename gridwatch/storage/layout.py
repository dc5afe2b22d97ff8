"""The S3 key layout: every key that Gridwatch reads or writes is made here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

SPEC_PREFIX = "experiments/"  # the only prefix that triggers launching
SPEC_SUFFIXES = (".yaml", ".yml", ".json")
RULE_SET_PREFIX = "rule-sets/"
PRICE_TABLE_KEY = "settings/instance-prices.json"  # in place of the package's
DATA_PREFIX = "data/"
WINDOW_PREFIX = f"{DATA_PREFIX}windows/"  # manifests of sliding windows
CODE_PREFIX = "code/"  # of the experiments bucket: users' own rule files
SOURCE_PREFIX = "code/sources/"  # packed training code, by its digest
STATUS_PREFIX = "status/"
TENSOR_PREFIX = "tensors/"
MODEL_PREFIX = "models/"
CHECKPOINT_PREFIX = "checkpoints/"
TABLE_PREFIX = "tables/"
QUERY_RESULT_PREFIX = "athena/"
RULE_STATE_PREFIX = "rule-state/"
COMPONENT_PREFIX = "components/"  # what SageMaker Search had, between snapshots
HISTORY_PREFIX = "history/"
REPORT_PREFIX = "reports/"
FINGERPRINT_PREFIX = "fingerprints/"  # of the experiments bucket: what trials were made of
HOOK_PREFIX = "hook/"  # of the artifacts bucket: the hook as it is brought into jobs, by its version and configuration
HOOK_CHANNEL = "gridwatch"  # the channel by which it comes, a name that data cannot have beside it
HOOK_ARCHIVE = "gridwatch.zip"
HOOK_PLACE = f"/opt/ml/input/data/{HOOK_CHANNEL}/{HOOK_ARCHIVE}"  # where a job finds it
RESTORED_PREFIX = f"{DATA_PREFIX}restored/"  # data as it once was, for trials that are run again
HOOK_CONFIG_KEY = "GRIDWATCH_HOOK_CONFIG"  # the variable that tells a hook of the script's own what to save
HOOK_OFF_KEY = "GRIDWATCH_DISABLE"  # the variable that turns Gridwatch's hook off, where it is 1
TENSORS_KEY = "GRIDWATCH_TENSORS_URI"  # the variable that tells a job's hook where its tensors go
PACKAGES = "packages.json"  # below a job's tensors: what was installed where it trained

_JOB = r"(?P<job>[A-Za-z0-9-]{1,63})"
_INDEX_KEY = re.compile(rf"tensors/{_JOB}/debug-output/index/\d{{9}}/\d{{12}}_.+\.json")
_FLUSH_KEY = re.compile(rf"tensors/{_JOB}/debug-output/events/flushes/\d{{9}}/\d{{12}}_.+\.tfevents")
_PROFILE_KEY = re.compile(rf"tensors/{_JOB}/profiler-output/system/.+\.json")


def is_spec_key(key: str) -> bool:
    """Whether the key is a spec's, whatever the case of its suffix: some systems write UP.YAML."""
    return key.startswith(SPEC_PREFIX) and key.lower().endswith(SPEC_SUFFIXES)


def spec_error_key(spec_key: str) -> str:
    """The key of Gridwatch's answer to a spec that it cannot accept."""
    return f"{STATUS_PREFIX}{spec_key}.error.json"


def spec_status_key(spec_key: str) -> str:
    """The key of Gridwatch's answer to a spec that it accepted."""
    return f"{STATUS_PREFIX}{spec_key}.json"


def rule_set_keys(name: str) -> list[str]:
    """The keys at which a rule set of that name may lie; the first that exists counts."""
    return [f"{RULE_SET_PREFIX}{name}{suffix}" for suffix in SPEC_SUFFIXES]


def tensor_prefix(job_name: str) -> str:
    """The root of one job's tensors: `collections/`, `index/` and `events/` lie below it."""
    return f"{TENSOR_PREFIX}{job_name}/debug-output/"


def log_metric_prefix(job_name: str) -> str:
    """The root of the metrics from a job's log, in the layout of tensors; S3 sends no events about it."""
    return f"{TENSOR_PREFIX}{job_name}/log-output/"


SOURCE_METADATA = "gridwatch-source"  # of a spec: the key of the archive that was packed with it


def source_key(digest: str) -> str:
    """The key of an archive of training code that `gridwatch submit` uploads."""
    return f"{SOURCE_PREFIX}{digest}.tar.gz"


def checkpoint_prefix(experiment: str, trial_id: str) -> str:
    """The root of the checkpoints that a trial's jobs continue from, whichever attempt they are."""
    return f"{CHECKPOINT_PREFIX}{experiment}/{trial_id}/"


def log_position_key(job_name: str) -> str:
    """The key that says how far a job's log was read for its metrics; it lies beside the tensors, where S3 sends no
    events.
    """
    return f"{TENSOR_PREFIX}{job_name}/log-position.json"


def job_of_index_key(key: str) -> str | None:
    """The job of an index or flush object; None for any other key, such as that of an index object which a hook adds
    when it closes.
    """
    match = _INDEX_KEY.fullmatch(key) or _FLUSH_KEY.fullmatch(key)
    return match["job"] if match else None


def profile_prefix(job_name: str) -> str:
    """The root of one job's profile, beside its tensors: `system/` and `framework/` lie below it."""
    return f"{TENSOR_PREFIX}{job_name}/profiler-output/"


def heartbeat_prefix(job_name: str) -> str:
    """The root of the heartbeats of one job's ranks, beside its tensors; S3 sends no events about it."""
    return f"{TENSOR_PREFIX}{job_name}/heartbeat-output/"


def job_of_profile_key(key: str) -> str | None:
    """The job of a file of system metrics; None for any other key.

    The sampler writes the framework metrics of the same time before it, so one event stands for both.
    """
    match = _PROFILE_KEY.fullmatch(key)
    return match["job"] if match else None


def report_key(job_name: str, rule_name: str) -> str:
    """The key of the page that a rule makes about a job."""
    return f"{REPORT_PREFIX}{job_name}/{rule_name}.html"


def experiment_report_key(experiment: str) -> str:
    """The page about an experiment, published when it has ended. No job is named `experiments`."""
    return f"{REPORT_PREFIX}experiments/{experiment}.html"


def table_key(table: str, experiment: str) -> str:
    """The key of a Parquet object: one for each table and experiment."""
    return f"{TABLE_PREFIX}{table}/{experiment}.parquet"


def components_key(experiment: str) -> str:
    """The key of what SageMaker Search had of an experiment's jobs at its last snapshot."""
    return f"{COMPONENT_PREFIX}{experiment}.json.gz"


def history_key(table: str, day: date) -> str:
    """The key of a Parquet object with one day of a table, over all experiments."""
    return f"{HISTORY_PREFIX}{table}/dt={day:%Y-%m-%d}/all.parquet"


def rule_state_key(job_name: str, version: int, digest: str) -> str:
    """The key of a rule engine's state that is too large for the table. The digest keeps two writers of one version
    apart.
    """
    return f"{RULE_STATE_PREFIX}{job_name}/{version}-{digest}.json"


def hook_prefix(version: str, digest: str) -> str:
    """The root of the objects of a job's hook: its archive and its configuration, which `digest` is made of."""
    return f"{HOOK_PREFIX}{version}-{digest[:32]}/"


def is_hook_channel(channel: Mapping[str, Any]) -> bool:
    """Whether a channel of a request brings the hook, and no data. A rerun may bring a former one that was restored."""
    uri = str(((channel.get("DataSource") or {}).get("S3DataSource") or {}).get("S3Uri"))
    return channel.get("ChannelName") == HOOK_CHANNEL and (f"/{HOOK_PREFIX}" in uri or f"/{RESTORED_PREFIX}" in uri)


def fingerprint_key(experiment: str, digest: str) -> str:
    """The key of the fingerprint of one upload's trials."""
    return f"{FINGERPRINT_PREFIX}{experiment}/{digest[:32]}.json"


def s3_uri(bucket: str, key: str) -> str:
    return f"s3://{bucket}/{key}"


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`; ValueError when it is not one."""
    match = re.fullmatch(r"s3://([^/]+)/?(.*)", uri, re.DOTALL)
    if not match:
        raise ValueError(f"{uri!r} is not an S3 address (s3://bucket/key)")
    return match[1], match[2]
