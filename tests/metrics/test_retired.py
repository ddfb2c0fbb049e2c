"""Names of earlier versions lead to what replaces them, and no name of today does."""

import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.plugins import find_metric, load_metrics
from longibench.metrics.metric import REGISTRY
from longibench.metrics.retired import successors

RETIRED = (
    *("ventricles-bias", "brain-error", "hippocampus-correlation", "cortex-labels-error"),
    "monotonicity",
)


@pytest.mark.parametrize("name", RETIRED)
def test_what_replaces_them_exists_and_is_named(name: str) -> None:
    load_metrics([])
    new = successors(name)
    assert new
    assert set(new) <= REGISTRY.keys()
    with pytest.raises(UserError, match=f"'{name}' is one of an earlier version; name {new[0]}"):
        find_metric(name)


def test_no_name_of_today_is_retired() -> None:
    load_metrics([])
    assert [name for name in REGISTRY if successors(name)] == []
