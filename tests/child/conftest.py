"""A trial for every test, plain and forked."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from imp_graphcheck.child import Template, warm_template
from tests.child.trial import Trial, descendants_of, gone


@pytest.fixture(scope="module")
def template() -> Iterator[Template]:
    # pytest names the test that runs in the environment.
    with warm_template(["imp_graphcheck.capture.settings"], late=["PYTEST_CURRENT_TEST"]) as found:
        yield found


@pytest.fixture(params=["plain", "forked"])
def trial(request: pytest.FixtureRequest, tmp_path: Path, template: Template) -> Iterator[Trial]:
    """Everything holds for a child with an interpreter of its own and for one that was forked."""
    forked = template.forked
    with tempfile.TemporaryFile() as log:
        yield Trial(tmp_path, log, template if request.param == "forked" else None)
    assert (template.forked > forked) == (request.param == "forked"), template.problem
    left = descendants_of(os.getpid()) - {template.pid}
    assert all(gone(pid) for pid in left), "a process was left behind"
