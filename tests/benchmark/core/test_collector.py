import gc
from contextlib import suppress

from longibench.benchmark.core.collector import uncollected


def test_the_search_is_paused_and_goes_on_after_an_error() -> None:
    with suppress(ValueError), uncollected():
        with uncollected():
            pass
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()
