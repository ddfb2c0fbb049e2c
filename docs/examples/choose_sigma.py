"""How the samples of the demo's VAE are spread for each sigma.

``python docs/examples/choose_sigma.py SCRATCH`` trains with each of some sigmas.
Measured on every third subject of the training part, which the trainings here leave out; the test
part is not used. Writes ``docs/scores/vae_sigma.md``, which ``quote_scores.py`` quotes.
"""

import subprocess
import sys
from pathlib import Path

import pandas as pd
from kept_scores import KEPT

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.diagnostics_file import read_diagnostics
from longibench.benchmark.protocol.protocol import build_protocol
from longibench.benchmark.protocol.table_checks import open_cohorts
from longibench.benchmark.settings.loading import load_settings
from longibench.reports.model.results import Results, Run, read_results

CLI = Path(__file__).parents[2] / "cli.py"
TABLE = "vae_sigma.md"
SIGMAS = (0.05, 0.1, 0.15, 0.3, 1.0)
TRIED = (*(f"sigma={sigma}" for sigma in SIGMAS), "loss=kwon2019")
HEAD = (
    *("`methods.vae`", "Between two samples", "RMSE of a sample", "Ratio"),
    *("RMSE of the prior's mean", "KL to the prior, nats"),
)


def main() -> None:
    """Train with each setting, and write the table."""
    workspace = Workspace(Path(sys.argv[1]))
    split = write_split(workspace)
    for tried in TRIED:
        options = ["--set", f"methods.vae.{tried}", "--set", f"split.test={split}"]
        command = ["run", "--methods", "vae", *options, "--set", "metrics.names=[ssim-head]"]
        where = ["--workspace", str(workspace.root)]
        subprocess.run([sys.executable, str(CLI), *command, *where], check=True)
    (KEPT / TABLE).write_text(table(read_results(workspace.find_protocol(None))), encoding="utf-8")


def write_split(workspace: Workspace) -> Path:
    """Test subjects as validation, so that they are in no part; every third other one evaluated."""
    settings, console = load_settings("demo"), Console()
    protocol = build_protocol(
        settings, workspace, console, open_cohorts(settings, workspace, console)
    )
    parts = dict.fromkeys(protocol.test_pairs["subject"], "validation")
    trained = sorted(set(protocol.train_pairs["subject"]))
    parts |= {who: "train" if place % 3 else "test" for place, who in enumerate(trained)}
    path = workspace.root / "split.csv"
    rows = pd.DataFrame(parts.items(), columns=["subject", "partition"])
    rows.to_csv(path, index=False)
    return path


def table(results: Results) -> str:
    """A line for each setting."""
    runs = [run for run in results.runs if run.facts["method"] == "vae"]
    lines = [HEAD, ["---"] * len(HEAD), *(cells(run) for run in sorted(runs, key=order))]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    subjects = read_diagnostics(runs[0].folder)
    assert subjects
    return (
        f"{text}\nRoot mean squares in the head of {subjects.few} held-out training subjects, KL "
        f"and the prior's mean of {subjects.subjects}; one training each. Made by `python "
        f"docs/examples/choose_sigma.py SCRATCH` at commit {results.provenance['git']}.\n"
    )


def order(run: Run) -> tuple[bool, float]:
    """Likelihoods by sigma, then the weights of Kwon et al."""
    settings = run.facts["made_by"]["settings"]
    return settings["loss"] == "kwon2019", settings["sigma"]


def cells(run: Run) -> list[str]:
    """What was measured with one setting."""
    settings, found = run.facts["made_by"]["settings"], read_diagnostics(run.folder)
    assert found
    kwon, sigma = order(run)
    own = found.quantities
    return [
        f"`loss={settings['loss']}`" if kwon else f"`sigma={sigma:g}`",
        f"{found.samples.between_seeds:.3f}",
        f"{found.samples.rmse:.3f}",
        f"{found.samples.diversity:.2f}",
        *(f"{own[name]:.3g}" for name in ("RMSE of the prior's mean", "KL to the prior, nats")),
    ]


if __name__ == "__main__":
    main()
