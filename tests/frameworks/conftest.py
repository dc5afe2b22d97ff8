"""The deployed stack, for the trainings in the local cloud."""

from tests.story.conftest import deployed

__all__ = ["deployed"]
