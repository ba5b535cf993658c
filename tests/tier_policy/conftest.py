from __future__ import annotations

import pytest

from bigpato_magic import googlesql


@pytest.fixture(scope="session")
def analyzer():
    """Google's analyzer, ready."""
    googlesql.warm()
    if not googlesql.wait(600):
        pytest.fail(f"the analyzer does not start: {googlesql.failure()}")
    return googlesql
