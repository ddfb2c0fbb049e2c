import numpy as np
import pytest
from pydantic import ValidationError

from longibench.benchmark.cohorts.phantom.clean import sample_clean
from longibench.benchmark.cohorts.phantom.person import YEAR
from longibench.benchmark.cohorts.phantom.scanner import field_of_view
from longibench.benchmark.cohorts.phantom.tables import session_label
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.phantom_clean import CleanSettings

SETTINGS = CleanSettings()
PEOPLE = [sample_clean(SETTINGS, number) for number in range(1, 401)]


def test_visits_are_ordered_labelled_apart_and_at_least_two() -> None:
    for person in PEOPLE:
        assert person.days[0] == 0
        assert (np.diff(person.days) > 0).all()
        assert 2 <= len(person.days) <= 6
        assert len({session_label(days) for days in person.days}) == len(person.days)


def test_most_follow_ups_lie_within_a_quarter_of_a_whole_year_but_not_all() -> None:
    years = np.array([days / YEAR for person in PEOPLE for days in person.days[1:]])
    near = (np.abs(years - years.round()) <= 0.25).mean()
    assert near == pytest.approx(1 - SETTINGS.irregular, abs=0.05)
    assert years.max() > 4.8


def test_some_people_leave_or_miss_visits() -> None:
    counts = np.bincount([len(person.days) for person in PEOPLE], minlength=7)
    assert counts[6] > 100
    assert (counts[2:6] > 10).all()


def test_groups_and_sexes_differ_as_set() -> None:
    rates = {name: [p.brain_loss for p in PEOPLE if p.group == name] for name in SETTINGS.groups}
    assert np.mean(rates["CN"]) < np.mean(rates["MCI"]) < np.mean(rates["AD"])
    assert all(min(values) > 0 for values in rates.values())
    shares = {name: len(values) / len(PEOPLE) for name, values in rates.items()}
    for name, group in SETTINGS.groups.items():
        assert shares[name] == pytest.approx(group.share, abs=0.07)
    sizes = [[p.size for p in PEOPLE if p.sex == sex] for sex in "FM"]
    assert np.mean(sizes[0]) < np.mean(sizes[1])


@pytest.mark.parametrize(
    ("spacing", "shape"), [(5.0, (32, 40, 32)), (2.5, (64, 80, 64)), (1.5, (108, 134, 108))]
)
def test_field_of_view(spacing: float, shape: tuple[int, int, int]) -> None:
    assert field_of_view(spacing).shape == shape


def test_settings_refuse_what_makes_no_sense() -> None:
    with pytest.raises(ValidationError):
        PhantomSettings(subject=3)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        PhantomSettings(subjects=0)
