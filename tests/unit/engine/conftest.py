"""Fixtures of the engine's tests."""

import pytest

from tests.unit.engine import venue


@pytest.fixture(params=[1, 2, 3])
def either_rules(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Venues that are not told under which rules open under these: what the first rules said, the later still say."""
    rules: int = request.param
    monkeypatch.setattr(venue, "usual_rules", rules)
    return rules
