"""What of a simulated cohort is refused before anything is simulated."""

import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.phantom import PhantomSettings


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["rates_together=0.9"], "growth_on_size=0.45 and rates_together=0.9 cannot both hold"),
        (["growth_on_size=0.9"], "cannot both hold"),
        (["scattered=true", "futures=3"], "labels and futures are of plain scans"),
        (["scattered=true", "labels=true"], "labels and futures are of plain scans"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(overrides: list[str], problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        load_settings("demo", [f"phantom.{override}" for override in overrides])


@pytest.mark.parametrize(
    ("name", "wide"), [("ventricle_ml", (40.0, 30.0)), ("brain_loss", (1.0, 1.2))]
)
def test_a_spread_that_gives_sizes_near_0_is_refused(name: str, wide: tuple[float, float]) -> None:
    group = PhantomSettings().groups["CN"].model_dump()
    with pytest.raises(ValueError, match=r"at most .* of the mean"):
        PhantomSettings.model_validate({"groups": {"CN": {**group, name: wide}}})
