"""Simulated people with known tissue."""

import numpy as np
import pytest
from anatomy_training.people import People, Subject

from longibench.metrics.anatomy import tissue_volumes


@pytest.fixture(scope="module")
def person(simulator: People) -> Subject:
    return simulator.subject(2)


def test_smaller_ventricles_are_scanned_exactly_as_the_second_time(person: Subject) -> None:
    scans = person.scans[5.0]
    away = np.abs(scans.shrunk[0] - scans.again)
    middle = np.s_[10:22, 12:28, 12:24]  # around the ventricles
    assert away[middle].mean() > 5 * (away.sum() - away[middle].sum()) / away.size
    assert np.abs(scans.again - scans.first).mean() > 2 * away.mean()  # another noise and position
    assert (scans.shrunk[0][middle] < -0.4).sum() < 0.95 * (scans.again[middle] < -0.4).sum()


def test_shares_of_tissue_have_the_true_volumes(person: Subject) -> None:
    scans = person.scans[5.0]
    np.testing.assert_allclose(scans.tissue.sum(axis=0), 1, atol=1e-5)
    assert scans.tissue.min() > -1e-5
    np.testing.assert_array_equal(scans.tissue[0] > 0.9999, scans.first == -1)
    found = tissue_volumes(scans.tissue, (5.0, 5.0, 5.0))
    for structure, column in {"ventricles": "ventricle_ml", "brain": "brain_ml"}.items():
        assert found[structure] == pytest.approx(person.before[column], rel=0.03)


def test_a_person_depends_on_no_other(simulator: People, person: Subject) -> None:
    again = simulator.subject(2)
    assert again.scans[5.0].later.tobytes() == person.scans[5.0].later.tobytes()
    assert again.after == person.after
    assert again.after["ventricle_ml"] > again.before["ventricle_ml"]
