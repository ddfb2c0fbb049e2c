"""What the demo's trained models must show; looks at a finished run.

LONGIBENCH_DEMO_RUN names the workspace of
``python cli.py run --methods vae,med-ddpm,ours``; without it these tests are skipped.
"""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from longibench.benchmark.core.console import Console
from longibench.benchmark.core.seeds import sample_seed
from longibench.benchmark.core.workspace import Workspace
from longibench.benchmark.evaluation.evaluate import read_manifest, read_pairs
from longibench.benchmark.preparation.store.volumes import read_volume
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.training.checkpoints import require_latest
from longibench.benchmark.training.recipe import Recipe
from longibench.metrics.masks import head_mask
from longibench.metrics.scan import Scan
from longibench.metrics.ssim import SSIM
from longibench.metrics.statistics import bootstrap_interval

RUN = os.environ.get("LONGIBENCH_DEMO_RUN")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(RUN is None, reason="LONGIBENCH_DEMO_RUN names no finished demo run"),
]


class Demo:
    """The latest protocol of the workspace, read once."""

    def __init__(self, root):
        self.folder = Workspace(Path(root)).find_protocol(None)
        self.pairs = read_pairs(self.folder)
        self.real = {
            path: read_volume(path) for path in set(self.pairs[["source", "target"]].stack())
        }
        self.strangers = self._strangers()

    def run(self, method):
        found = [
            json.loads(path.read_text()) | {"folder": path.parent}
            for path in self.folder.glob("predictions/*/run.json")
        ]
        mine = [run for run in found if run["method"] == method]
        return max(mine, key=lambda run: run["iterations"])

    def model(self, method):
        run = self.run(method)
        built = Recipe.of(method, load_settings("demo")).build().eval()
        built.load_state_dict(
            require_latest(self.folder.parent / run["model"], Console(quiet=True)).to_generate
        )
        return built

    def generate(self, model, sources, years, subjects):
        volumes = torch.from_numpy(np.stack([self.real[path] for path in sources]))[:, None]
        seeds = torch.tensor([sample_seed(0, subject, 0) for subject in subjects])
        with torch.inference_mode():
            return model.generate(volumes, torch.tensor(years, dtype=torch.float32), seeds)[
                :, 0
            ].numpy()

    def predictions(self, method):
        folder = self.run(method)["folder"]
        table = self.pairs.merge(read_manifest(folder), on=["subject", "visit"])
        return table.assign(volume=[read_volume(str(folder / name)) for name in table["generated"]])

    def _strangers(self):
        """For each pair, the follow-up of the next subject."""
        names = sorted(self.pairs["subject"].unique())
        following = dict(zip(names, [*names[1:], names[0]], strict=True))
        first = self.pairs.groupby("subject")["target"].first()
        return [first[following[subject]] for subject in self.pairs["subject"]]


def ssim(generated, reference):
    real = Scan(reference)
    return SSIM()(generated=Scan(generated), reference=real, source=real, interval_years=1.0)


@pytest.fixture(scope="module")
def demo():
    return Demo(RUN)


@pytest.mark.parametrize(
    ("method", "at_least", "margin"),
    [("ours", 0.80, 0.15), ("med-ddpm", 0.80, 0.15), ("vae", 0.70, 0)],
)
def test_generated_volumes_are_of_the_person(demo, method, at_least, margin):
    table = demo.predictions(method)
    own = np.mean(
        [ssim(v, demo.real[t]) for v, t in zip(table["volume"], table["target"], strict=True)]
    )
    others = np.mean(
        [ssim(v, demo.real[t]) for v, t in zip(table["volume"], demo.strangers, strict=True)]
    )
    print(f"{method}: SSIM own {own:.3f}, strangers {others:.3f}")
    assert own >= at_least
    assert own >= others + margin


def test_vae_draws_two_volumes_from_two_seeds(demo):
    model, row = demo.model("vae"), demo.pairs.iloc[0]
    a, b = demo.generate(model, [row.source] * 2, [1.0, 1.0], ["one", "two"])
    print(f"vae: mean difference between two seeds {np.abs(a - b).mean():.2e}")
    assert not np.allclose(a, b)


def change_correlations(demo, model, permute):
    """Correlation of generated and true change between first and last follow-up, a subject each."""
    generator, found = np.random.default_rng(0), {}
    for subject, rows in demo.pairs.groupby("subject"):
        if len(rows) < 2 or np.ptp(rows["interval_years"]) < 2:
            continue
        years, values = rows["interval_years"].to_numpy(), []
        true = demo.real[rows["target"].iloc[-1]] - demo.real[rows["target"].iloc[0]]
        mask = head_mask(demo.real[rows["source"].iloc[0]])
        generated = demo.generate(model, rows["source"], years, [subject] * len(rows))
        for _ in range(20 if permute else 1):
            order = generator.permutation(len(rows)) if permute else np.arange(len(rows))
            made = generated[order[-1]] - generated[order[0]]
            values.append(np.corrcoef(made[mask], true[mask])[0, 1])
        found[subject] = np.mean(values)
    return pd.Series(found)


def test_ours_reacts_to_the_interval_as_brains_do(demo):
    model = demo.model("ours")
    right = change_correlations(demo, model, permute=False)
    shuffled = change_correlations(demo, model, permute=True)
    interval = bootstrap_interval(right)
    chance = bootstrap_interval(shuffled)
    print(f"ours: change correlation {interval}\nours, intervals shuffled: {chance}")
    assert interval.low > 0
    assert chance.low <= 0 <= chance.high


def test_ours_with_another_source_is_another_person(demo):
    model, rows = demo.model("ours"), demo.pairs.groupby("subject").first().reset_index()
    sources = [*rows["source"].iloc[1:], rows["source"].iloc[0]]
    generated = demo.generate(model, sources, rows["interval_years"], rows["subject"])
    shuffled = np.mean(
        [ssim(v, demo.real[t]) for v, t in zip(generated, rows["target"], strict=True)]
    )
    strangers = np.mean(
        [ssim(demo.real[s], demo.real[t]) for s, t in zip(sources, rows["target"], strict=True)]
    )
    print(f"ours, sources shuffled: SSIM {shuffled:.3f}; between strangers {strangers:.3f}")
    assert abs(shuffled - strangers) < 0.05
