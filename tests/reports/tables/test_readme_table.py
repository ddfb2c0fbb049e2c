"""README's table: a line a metric, with the floor below."""

from readme_table import block

from longibench.reports.model.results import Results


def test_a_line_a_metric_with_halves_below(full: Results) -> None:
    lines = block(full).splitlines()
    assert lines[0] == (
        "|  | Copy of the source | VAE | Med-DDPM | Dao et al. (ours) | Real against real |"
    )
    heads = [line.split("|")[1].strip() for line in lines[2:6]]
    assert heads == [
        "FID [random:0, N=72] ↓",
        "the same in halves, n = 36",
        "SSIM [Wang, whole volume] ↑",
        "SSIM [Wang, source's head] ↑",
    ]
    assert "| **30.5** a (" in lines[2]
    assert lines[3].endswith("| 3.0 |")
    assert "72 pairs of 24 test subjects" in block(full)
    assert lines[-1].startswith("Made by `")
