"""An embedded AWS for Gridwatch: MiniStack with a SageMaker service whose training jobs really run."""

from gridwatch.localcloud.cloud import LocalCloud, LocalCloudError

__all__ = ["LocalCloud", "LocalCloudError"]
