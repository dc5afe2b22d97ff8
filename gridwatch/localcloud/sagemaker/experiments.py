"""Experiments, trials and trial components, and the component that every training job makes for itself."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gridwatch.localcloud import clock
from gridwatch.localcloud.sagemaker.components import COMPONENT_SUFFIX, component_members
from gridwatch.localcloud.sagemaker.entities import Entity, EntityStore
from gridwatch.localcloud.sagemaker.errors import not_found, validation_error
from gridwatch.localcloud.sagemaker.limits import COMPONENTS, TRIALS
from gridwatch.localcloud.sagemaker.paging import ordered, page
from gridwatch.localcloud.sagemaker.platform import Platform
from gridwatch.localcloud.sagemaker.records import TrainingJob
from gridwatch.localcloud.sagemaker.state import JobStore

Request = Mapping[str, Any]
_RESOURCES = {"Experiment": "experiment", "Trial": "experiment-trial", "TrialComponent": "experiment-trial-component"}
_JOBS_SUFFIXES = (COMPONENT_SUFFIX, "-aws-processing-job", "-aws-transform-job")
_MERGED = ("Parameters", "InputArtifacts", "OutputArtifacts")


class Experiments:
    """The experiment entities of one account and region, and which component belongs to which trial."""

    def __init__(self, jobs: JobStore, platform: Platform) -> None:
        self._jobs = jobs
        self._platform = platform
        self.experiments = EntityStore("Experiment")
        self.trials = EntityStore("Trial")
        self.components = EntityStore("TrialComponent")
        self._associations: dict[tuple[str, str], None] = {}

    @property
    def stores(self) -> tuple[EntityStore, EntityStore, EntityStore]:
        return self.experiments, self.trials, self.components

    def state(self) -> dict[str, Any]:
        entities = {store.kind: store.all() for store in self.stores}
        return {"entities": entities, "associations": list(self._associations)}

    def restore(self, state: Mapping[str, Any]) -> None:
        for store in self.stores:
            for entity in state["entities"][store.kind]:
                store.put(entity)
        self._associations.update(dict.fromkeys(state["associations"]))

    def create(self, store: EntityStore, request: Request) -> dict[str, Any]:
        """Create an entity; a trial's experiment must exist and have room."""
        if store is self.trials:
            experiment = self.experiments.get(request["ExperimentName"]).name
            if self.trials.find(request["TrialName"]) is None:
                self._platform.limits.check_room(TRIALS, self._count_trials(experiment))
        arn = self._add(store, request[f"{store.kind}Name"], request)
        return {f"{store.kind}Arn": arn}

    def _count_trials(self, experiment: str) -> int:
        return sum(trial.members["ExperimentName"] == experiment for trial in self.trials.all())

    def _add(self, store: EntityStore, name: str, request: Request) -> str:
        now = clock.now()
        members = {key: value for key, value in request.items() if key not in ("Tags", f"{store.kind}Name")}
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        arn = self._platform.arn(f"{_RESOURCES[store.kind]}/{name.lower()}")
        store.add(Entity(name, arn, now, now, members, tags))
        return arn

    def add_job_component(self, job: TrainingJob) -> None:
        """Add the component that SageMaker makes for a training job to the trial that the job names."""
        name = f"{job.name}{COMPONENT_SUFFIX}".lower()
        config = job.request.get("ExperimentConfig", {})
        display = config.get("TrialComponentDisplayName")
        self._add(self.components, name, {"DisplayName": display} if display else {})
        if trial := config.get("TrialName"):
            self._associations[trial, name] = None

    def describe(self, store: EntityStore, request: Request) -> dict[str, Any]:
        return self.view(store, store.get(request[f"{store.kind}Name"]))

    def view(self, store: EntityStore, entity: Entity) -> dict[str, Any]:
        """An entity as Describe shows it."""
        shown = {
            f"{store.kind}Name": entity.name,
            f"{store.kind}Arn": entity.arn,
            "DisplayName": entity.name,
            "CreationTime": entity.created,
            "LastModifiedTime": entity.modified,
        }
        if store is self.components:
            return shown | component_members(entity, self._job_of(entity))
        return shown | dict(entity.members)

    def _job_of(self, entity: Entity) -> TrainingJob | None:
        if not entity.name.endswith(COMPONENT_SUFFIX):
            return None
        return self._jobs.find(entity.name.removesuffix(COMPONENT_SUFFIX))

    def update(self, store: EntityStore, request: Request) -> dict[str, Any]:
        """Replace members; a component's parameters and artifacts are merged by key and removed by name."""
        entity = store.get(request[f"{store.kind}Name"])
        members = dict(entity.members)
        for key, value in request.items():
            if key.endswith("ToRemove"):
                target = key.removesuffix("ToRemove")
                members[target] = {k: v for k, v in members.get(target, {}).items() if k not in value}
            elif key in _MERGED:
                members[key] = {**members.get(key, {}), **value}
            elif key != f"{store.kind}Name":
                members[key] = value
        store.put(replace(entity, members=members, modified=clock.now()))
        return {f"{store.kind}Arn": entity.arn}

    def delete(self, store: EntityStore, request: Request) -> dict[str, Any]:
        """Delete an entity that nothing is in. Raises ValidationException otherwise."""
        name = store.get(request[f"{store.kind}Name"]).name
        if store is self.experiments and any(t.members["ExperimentName"] == name for t in self.trials.all()):
            raise validation_error(f"Experiment '{name}' cannot be deleted: it has trials.")
        if store is self.trials and any(trial == name for trial, _ in self._associations):
            raise validation_error(f"Trial '{name}' cannot be deleted: trial components are associated with it.")
        if store is self.components and any(component == name for _, component in self._associations):
            raise validation_error(f"TrialComponent '{name}' cannot be deleted: it is associated with a trial.")
        return {f"{store.kind}Arn": store.remove(name).arn}

    def associate(self, request: Request) -> dict[str, Any]:
        """Add a component to a trial. One that SageMaker made for a job takes no room there."""
        trial, component = self._pair(request)
        if (trial.name, component.name) not in self._associations and not _is_automatic(component.name):
            taken = [name for owner, name in self._associations if owner == trial.name and not _is_automatic(name)]
            self._platform.limits.check_room(COMPONENTS, len(taken))
        self._associations[trial.name, component.name] = None
        return {"TrialArn": trial.arn, "TrialComponentArn": component.arn}

    def disassociate(self, request: Request) -> dict[str, Any]:
        trial, component = self._pair(request)
        if (trial.name, component.name) not in self._associations:
            raise not_found(f"TrialComponent '{component.name}' is not associated with trial '{trial.name}'.")
        del self._associations[trial.name, component.name]
        return {"TrialArn": trial.arn, "TrialComponentArn": component.arn}

    def _pair(self, request: Request) -> tuple[Entity, Entity]:
        return self.trials.get(request["TrialName"]), self.components.get(request["TrialComponentName"])

    def parents(self, component: str) -> list[dict[str, str]]:
        """The trials (with their experiments) that a component belongs to, as Search shows them."""
        trials = [self.trials.get(trial) for trial, name in self._associations if name == component]
        return [{"TrialName": trial.name, "ExperimentName": trial.members["ExperimentName"]} for trial in trials]

    def list(self, store: EntityStore, request: Request) -> dict[str, Any]:
        """Summaries, newest first unless asked otherwise."""
        views = [self.view(store, entity) for entity in store.all() if self._is_listed(store, entity, request)]
        key = f"{store.kind}Name" if request.get("SortBy") == "Name" else "CreationTime"
        descending = request.get("SortOrder", "Descending") == "Descending"
        found, token = page(ordered(views, lambda item: item[key], descending), request, default=10)
        hidden = {
            "Parameters",
            "Metrics",
            "InputArtifacts",
            "OutputArtifacts",
            "Description",
            "MetadataProperties",
            "ExperimentName",  # of a trial
        } - {f"{store.kind}Name"}
        summaries = [{name: value for name, value in view.items() if name not in hidden} for view in found]
        return {f"{store.kind}Summaries": summaries, **token}

    def _is_listed(self, store: EntityStore, entity: Entity, request: Request) -> bool:
        if not request.get("CreatedAfter", 0) <= entity.created <= request.get("CreatedBefore", entity.created):
            return False
        checks: list[Callable[[], bool]] = []
        if store is self.trials:
            if name := request.get("ExperimentName"):
                checks.append(lambda: entity.members["ExperimentName"] == name)
            if component := request.get("TrialComponentName"):
                checks.append(lambda: (entity.name, component) in self._associations)
        if store is self.components:
            if trial := request.get("TrialName"):
                checks.append(lambda: (trial, entity.name) in self._associations)
            if experiment := request.get("ExperimentName"):
                checks.append(lambda: any(p["ExperimentName"] == experiment for p in self.parents(entity.name)))
            if source := request.get("SourceArn"):
                checks.append(lambda: self.view(store, entity).get("Source", {}).get("SourceArn") == source)
        return all(check() for check in checks)


def _is_automatic(component: str) -> bool:
    """Whether SageMaker makes components of that name itself, one for each job."""
    return component.endswith(_JOBS_SUFFIXES)
