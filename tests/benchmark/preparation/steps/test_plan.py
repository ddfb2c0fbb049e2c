import pandas as pd
import pytest

from longibench.benchmark.cohorts.visit_table import LEFT_OUT, Cohort
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.preparation.steps.plan import Plan, resolve
from longibench.benchmark.settings.preparation import PreparationSettings

ALL = ("bias", "brain", "registration")


def cohort(*done: str, space: str = "") -> Cohort:
    empty = pd.DataFrame(columns=list(LEFT_OUT))
    return Cohort("x", empty, True, empty, frozenset(done), space)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("done", "space", "plan"),
    [
        ((), "", Plan(True, "deepbet", "affine")),
        (("bias",), "", Plan(False, "deepbet", "affine")),
        (("brain",), "", Plan(True, "background", "affine")),
        (("bias", "registration"), "MNI152", Plan(False, "deepbet", "identity")),
        (("bias", "registration"), "", Plan(False, "deepbet", "none")),
        (ALL, "MNI152", Plan(False, "", "identity")),
        (ALL, "", Plan()),
    ],
)
def test_auto_does_what_the_cohort_lacks(done: tuple[str, ...], space: str, plan: Plan) -> None:
    assert resolve(PreparationSettings(), cohort(*done, space=space)) == plan
    assert plan.cheap == (set(done) == set(ALL))


def test_steps_of_the_settings_are_done_again() -> None:
    asked = PreparationSettings(bias="n4", brain="deepbet", registration="rigid")
    assert resolve(asked, cohort(*ALL)) == Plan(True, "deepbet", "rigid")
    nothing = PreparationSettings(bias="none", brain="none", registration="none")
    assert resolve(nothing, cohort()) == Plan()


def test_a_step_that_needs_a_brain_is_an_error_without_one() -> None:
    with pytest.raises(UserError, match=r"preparation\.brain=none"):
        resolve(PreparationSettings(brain="none"), cohort())
    with pytest.raises(UserError, match="Did you mean 'deepbet'"):
        resolve(PreparationSettings(brain="deepbeet"), cohort())


def test_plans_that_give_other_volumes_have_other_digests() -> None:
    plans = [
        Plan(),
        Plan(bias=True, brain="deepbet"),
        Plan(brain="deepbet"),
        Plan(registration="identity"),
        Plan(percentiles=(0.0, 100.0)),
    ]
    assert len({plan.digest for plan in plans}) == len(plans)
    assert Plan().digest == Plan().digest
