"""The template as it is deployed with default settings, synthesized once per test process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.template.synthesized import Synthesized

Synthesize = Callable[..., Synthesized]


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Synthesize:
    """Synthesize the app with the given settings over the default ones."""
    from infra.app import create_app

    def _synthesize(**settings: object) -> Synthesized:
        folder = tmp_path_factory.mktemp("cdk.out")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CDK_VALIDATION", "false")  # tests/template/test_synthesis.py has it on, once
            create_app(settings, outdir=str(folder)).synth()
        return Synthesized(folder)

    return _synthesize


@pytest.fixture(scope="session")
def synthesized(synthesize: Synthesize) -> Synthesized:
    return synthesize()
