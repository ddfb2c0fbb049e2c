"""Labels of rows differ by what differs between the rows; no two are the same."""

from typing import Any

import pytest

from longibench.benchmark.runs.reference_rows import EXPECTED, ORACLES, REFERENCES
from longibench.reports.model.labels import LABELS, RowFacts, differences, row_labels

DIGEST = "0123456789ab"


def made(**changes: Any) -> dict[str, Any]:
    """What ``run.json`` records of how volumes were made, with changes by full key."""
    found: dict[str, Any] = {
        "method": "ours",
        "shape": [32, 40, 32],
        "code": DIGEST,
        "precision": "float32",
        "samples": 1,
        "training": {
            "iterations": 400,
            "batch_size": 4,
            "learning_rate": 0.002,
            "ema": {"decay": 0},
        },
        "settings": {
            "width": 16,
            "unet": {"channels": [16, 32], "kind": "attention"},
            "diffusion": {
                "schedule": {"kind": "linear", "steps": 1000},
                "sampler": {"kind": "ddim", "steps": 10, "eta": 0.0, "clip": True},
            },
        },
    }
    for key, value in changes.items():
        *above, last = key.split("__")
        place = found
        for name in above:
            place = place[name]
        place[last] = value
    return found


def ours(preset: str = "", label: str = "", created: str = "", **changes: Any) -> RowFacts:
    return RowFacts("ours", label, preset, made(**changes), "predicts x0", created)


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"training__learning_rate": 0.01}, "lr 0.01"),
        ({"training__iterations": 300_000}, "300,000 iterations"),
        ({"training__batch_size": 8}, "batch 8"),
        ({"training__ema__decay": 0.99}, "EMA 0.99"),
        ({"settings__diffusion__sampler__steps": 5}, "DDIM 5"),
        ({"settings__diffusion__sampler__kind": "dpm-solver++"}, "DPM-Solver++ 2M 10"),
        ({"settings__diffusion__sampler__clip": False}, "clip off"),
        ({"settings__width": 32}, "width 32"),
        ({"settings__unet__channels": [8, 16]}, "channels 8-16"),
        ({"settings__diffusion__schedule__kind": "cosine"}, "schedule cosine"),
        ({"precision": "bf16 mixed"}, "bf16 mixed"),
        ({"samples": 4}, "4 samples"),
        ({"training__learning_rate": 0.01, "settings__width": 8}, "lr 0.01, width 8"),
        (
            {"settings__diffusion__schedule__kind": "cosine", "settings__unet__kind": "plain"},
            "unet plain, schedule cosine",
        ),
    ],
)
def test_a_row_says_what_it_has_otherwise(changes: dict[str, Any], label: str) -> None:
    rows = [ours(preset="demo"), ours(**changes)]
    assert row_labels(rows)[1] == f"Dao et al. (ours), {label}"


def test_the_row_of_the_preset_says_what_the_others_have_otherwise() -> None:
    rows = [
        ours(preset="demo"),
        ours(training__learning_rate=0.01),
        ours(settings__diffusion__sampler__steps=5),
    ]
    assert row_labels(rows) == [
        "Dao et al. (ours), lr 0.002, DDIM 10",
        "Dao et al. (ours), lr 0.01",
        "Dao et al. (ours), DDIM 5",
    ]


def test_without_a_preset_all_rows_say_all_that_differs() -> None:
    rows = [ours(training__batch_size=2, settings__width=4), ours(training__batch_size=8)]
    assert row_labels(rows) == [
        "Dao et al. (ours), batch 2, width 4",
        "Dao et al. (ours), batch 8, width 16",
    ]


def test_one_row_of_a_method_needs_no_more_than_its_name() -> None:
    rows = [RowFacts("copy-source"), ours(preset="demo"), RowFacts("vae"), RowFacts("mine")]
    assert row_labels(rows) == ["Copy of the source", "Dao et al. (ours)", "VAE", "mine"]


def test_a_label_takes_the_place_of_what_differs() -> None:
    rows = [ours(preset="demo"), ours(label="as in Table 3", training__learning_rate=0.01)]
    assert row_labels(rows) == ["Dao et al. (ours)", "Dao et al. (ours), as in Table 3"]
    assert row_labels([ours(label="mine")]) == ["Dao et al. (ours), mine"]


def test_an_overridden_row_says_so_beside_rows_that_have_labels() -> None:
    rows = [ours(preset="demo", label="A"), ours(training__learning_rate=0.01)]
    assert row_labels(rows) == ["Dao et al. (ours), A", "Dao et al. (ours), lr 0.01"]
    rows = [ours(label="base", settings__width=32), ours(settings__width=8)]
    assert row_labels(rows) == ["Dao et al. (ours), base", "Dao et al. (ours), width 8"]


def test_one_label_given_to_two_rows_is_not_enough() -> None:
    rows = [ours(label="mine", settings__width=8), ours(label="mine", settings__width=4)]
    assert row_labels(rows) == [
        "Dao et al. (ours), mine, width 8",
        "Dao et al. (ours), mine, width 4",
    ]


def test_rows_of_other_code_say_when_they_were_made() -> None:
    rows = [
        ours(preset="demo", created="2026-11-28 09:00"),
        ours(preset="demo", created="2026-11-29 14:05", code="ba9876543210"),
    ]
    assert row_labels(rows) == [
        "Dao et al. (ours), made 2026-11-28 09:00",
        "Dao et al. (ours), made 2026-11-29 14:05",
    ]


def test_rows_of_an_earlier_version_are_told_by_what_they_say_of_themselves() -> None:
    rows = [RowFacts("ours", details=f"DDIM {count} of 1000 steps") for count in (5, 10)]
    assert row_labels(rows) == [
        "Dao et al. (ours), DDIM 5 of 1000 steps",
        "Dao et al. (ours), DDIM 10 of 1000 steps",
    ]


def test_rows_of_which_nothing_is_known_are_counted() -> None:
    assert row_labels([RowFacts("mine")] * 3) == ["mine", "mine, 2", "mine, 3"]


def test_many_differences_are_cut() -> None:
    changes = {f"settings__option_{number}": number for number in range(9)}
    first, second = (ours(**{key: value + add for key, value in changes.items()}) for add in (0, 1))
    assert len(differences(first, [second])) == 9
    assert row_labels([first, second])[0].endswith("option 3 3, and 5 more")


def test_a_number_in_a_label_is_not_mistaken_for_another_row() -> None:
    rows = [RowFacts("mine", label="2"), RowFacts("mine"), RowFacts("mine")]
    assert row_labels(rows) == ["mine, 2", "mine", "mine, 3"]


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        (
            [{"settings__a": {"net": {"width": 2}}}, {"settings__b": {"net": {"width": 2}}}],
            ["a net width 2, no b net width", "b net width 2, no a net width"],
        ),
        ([{"settings__x": 1}, {"settings__x": True}], ["x 1", "x on"]),
        ([{"settings__x": []}, {"settings__x": [1]}], ["x none", "x 1"]),
        (
            [{"training__learning_rate": 0.0100000001}, {"training__learning_rate": 0.01}],
            ["lr 0.0100000001", "lr 0.01"],
        ),
        ([{"training__learning_rate": "fast"}, {}], ["lr fast", "lr 0.002"]),
        (
            [{"settings__init": "/home/somebody/a|<b>$.pt"}, {"settings__init": "c.pt"}],
            ["init ab.pt", "init c.pt"],
        ),
    ],
)
def test_odd_settings_are_told_apart(changes: list[dict[str, Any]], labels: list[str]) -> None:
    found = row_labels([ours(**its) for its in changes])
    assert found == [f"Dao et al. (ours), {label}" for label in labels]


def test_of_equal_names_what_differs_between_them_is_named() -> None:
    common = {f"settings__option_{number}": number for number in range(9)}
    rows = [ours(preset="demo"), *(ours(**common, settings__zeta=number) for number in (1, 2))]
    labels = row_labels(rows)
    assert labels[0] == "Dao et al. (ours)"  # the others are described relative to it
    assert [label[-18:] for label in labels[1:]] == ["and 6 more, zeta 1", "and 6 more, zeta 2"]


def test_no_label_holds_a_digest() -> None:
    rows = [ours(code=f"{DIGEST[:-1]}{number}") for number in range(3)]
    assert not any(DIGEST[:6] in label for label in row_labels(rows))
    assert len(set(row_labels(rows))) == 3


def test_every_row_that_a_run_adds_has_a_name() -> None:
    assert {*REFERENCES, *ORACLES, EXPECTED} <= set(LABELS)
    assert LABELS[EXPECTED] == "Expected change"
