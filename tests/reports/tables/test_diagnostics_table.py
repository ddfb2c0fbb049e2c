from pathlib import Path

import pytest

from longibench.benchmark.core.console import Console
from longibench.benchmark.evaluation.diagnostics_file import (
    Denoising,
    Diagnostics,
    Intervals,
    NoisePoint,
    Samples,
    Sources,
)
from longibench.reports.figures.denoising_curves import draw_denoising_curves
from longibench.reports.model.results import read_results
from longibench.reports.pages.report import write_report
from longibench.reports.tables.diagnostics_table import (
    diagnostics_records,
    failures,
    print_diagnostics,
    read_rows,
)


def diagnostics(between_seeds: float) -> Diagnostics:
    """A method that keeps every promise but, depending on the number, diversity."""
    return Diagnostics(
        identity="1a2b",
        subjects=6,
        few=6,
        stochastic=True,
        conditions_on=("source", "interval"),
        denoising=Denoising(
            curve=tuple(NoisePoint(ratio=r, rmse=min(0.9 * r, 0.2)) for r in (0.01, 0.1, 1, 10)),
            from_noise=0.2,
            ratio=0.1,
            given_input=0.09,
            scaled_input=0.098,
            predicts_noise=True,
        ),
        samples=Samples(rmse=0.2, between_seeds=between_seeds),
        intervals=Intervals(years=(1, 5), rms=0.02),
        sources=Sources(ssim_own=0.9, ssim_others=0.5, rmse_own=0.1, rmse_others=0.4, share=1),
        quantities={"KL to the prior, nats": 0.003},
    )


@pytest.fixture
def diagnosed(folder: Path) -> Path:
    """``ours`` keeps its promises, ``vae`` has collapsed, the others were not diagnosed."""
    for method, between_seeds in (("ours", 0.2), ("vae", 0.002)):
        path = folder / "predictions" / f"{method}-s0" / "diagnostics.json"
        path.write_text(diagnostics(between_seeds).model_dump_json())
    return folder


def test_a_failed_promise_is_in_the_table_in_words(diagnosed: Path) -> None:
    rows = read_rows(read_results(diagnosed))
    table = print_diagnostics(rows)
    assert table is not None
    assert [head.text for head in table.heads[1:]] == [
        "Copy of the source",
        "VAE",
        "Med-DDPM",
        "Dao et al. (ours)",
    ]
    kept = {
        section.heading: [box.text for box in section.lines[0]][1:] for section in table.sections
    }
    assert kept["Diversity"] == ["—", "no", "—", "yes"]
    assert kept["Uses its noisy input"] == ["—", "yes", "—", "yes"]
    assert kept["Of the method itself"] == ["—", "0.003", "—", "0.003"]
    assert table.notes == ("VAE: two samples differ by 0.01 times the error of one (at least 1/3)",)
    (sentence,) = failures(rows)
    assert sentence.startswith("VAE does not keep 'diversity': two samples differ by 0.01 times")


def test_records_are_of_each_training_seed(diagnosed: Path) -> None:
    vae, ours = diagnostics_records(read_rows(read_results(diagnosed)))
    assert (vae["method"], vae["training_seed"], vae["is_diverse"]) == ("vae", 0, "no")
    assert ours["denoising_from_noise"] == 0.2
    assert ours["samples_diversity"] == 1
    assert ours["KL to the prior, nats"] == 0.003


def test_the_report_has_table_and_figure(diagnosed: Path) -> None:
    page = write_report(diagnosed, Console(quiet=True))
    names = {path.name for path in page.parent.iterdir()}
    assert {f"table_6.{end}" for end in ("csv", "md", "tex")} <= names
    assert {f"denoising_curves.{end}" for end in ("png", "pdf", "svg")} <= names
    assert "two samples differ by 0.01 times" in (page.parent / "table_6.md").read_text()
    assert "two samples differ by 0.01 times" in page.read_text()
    assert "secret" not in (page.parent / "table_6.csv").read_text()


def test_a_folder_of_an_earlier_version_has_neither(folder: Path) -> None:
    results = read_results(folder)
    assert read_rows(results) == []
    assert print_diagnostics([]) is None
    assert draw_denoising_curves(results) is None
