"""From a spec to training jobs: the plan, the requests, and the order in which they are made."""
