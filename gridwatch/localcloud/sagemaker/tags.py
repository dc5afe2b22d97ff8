"""Tags of training jobs and experiment entities, by ARN."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gridwatch.localcloud.sagemaker.entities import Entity, EntityStore
from gridwatch.localcloud.sagemaker.errors import not_found, validation_error
from gridwatch.localcloud.sagemaker.paging import page
from gridwatch.localcloud.sagemaker.records import TrainingJob
from gridwatch.localcloud.sagemaker.state import JobStore

TagMap = dict[str, str]
TAG_LIMIT = 50


def as_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as the API shows them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def refuse_reserved(request: Mapping[str, Any]) -> None:
    """Refuse tags whose keys are AWS's own. Raises ValidationException."""
    keys = [tag["Key"] for tag in request.get("Tags", ())] + list(request.get("TagKeys", ()))
    if any(key.lower().startswith("aws:") for key in keys):
        raise validation_error("aws: prefixed tag key names are not allowed for external use.")


class Tags:
    """AddTags, DeleteTags and ListTags."""

    def __init__(
        self,
        jobs: JobStore,
        stores: tuple[EntityStore, ...],
        of_tunings: Callable[[str], Mapping[str, str] | None],
    ) -> None:
        self._jobs = jobs
        self._stores = stores
        self._of_tunings = of_tunings

    def add(self, request: Mapping[str, Any]) -> dict[str, Any]:
        given = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        return {"Tags": as_list(self._change(request["ResourceArn"], lambda tags: tags | given))}

    def delete(self, request: Mapping[str, Any]) -> dict[str, Any]:
        gone = set(request["TagKeys"])
        self._change(request["ResourceArn"], lambda tags: {k: v for k, v in tags.items() if k not in gone})
        return {}

    def list(self, request: Mapping[str, Any]) -> dict[str, Any]:
        found, token = page(as_list(self._change(request["ResourceArn"], lambda tags: tags)), request, default=50)
        return {"Tags": found, **token}

    def of(self, arn: str) -> Mapping[str, str]:
        """The resource's tags; none when there is no such resource."""
        entities = [entity for store in self._stores for entity in store.all()]
        tagged: list[TrainingJob | Entity] = [*self._jobs.all(), *entities]
        return next((dict(each.tags) for each in tagged if each.arn == arn), {})

    def _change(self, arn: str, change: Callable[[TagMap], TagMap]) -> TagMap:
        for known in self._jobs.all():
            if known.arn == arn:

                def retag(job: TrainingJob) -> TrainingJob:
                    return replace(job, tags=_limited(change(dict(job.tags))))

                return dict(self._jobs.update(known.name, retag, announce=False).tags)
        for store in self._stores:
            for entity in store.all():
                if entity.arn == arn:
                    tags = _limited(change(dict(entity.tags)))
                    store.put(replace(entity, tags=tags))
                    return tags
        of_tuning = self._of_tunings(arn)
        if of_tuning is not None:
            if change(dict(of_tuning)) != of_tuning:
                raise validation_error("The local cloud keeps the tags of a tuning job as they were at its creation")
            return dict(of_tuning)
        raise not_found(f"Resource {arn} does not exist.")


def _limited(tags: TagMap) -> TagMap:
    if len(tags) > TAG_LIMIT:
        raise validation_error(f"The number of tags exceeds the limit of {TAG_LIMIT}")
    return tags
