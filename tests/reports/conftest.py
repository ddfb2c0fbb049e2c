"""A small protocol folder as the engine writes it, with known scores and volumes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest

from benchmark.scores import SCHEMA
from reports.results import Results, read_results

Volumes = Callable[[int, float, str], np.ndarray]

METRICS = [
    {
        "name": "ssim",
        "title": "SSIM [Wang, whole volume]",
        "kind": "pair",
        "higher_is_better": True,
        "unit": "",
        "decimals": 3,
        "source": "Wang et al. 2004",
    },
    {
        "name": "ssim-head",
        "title": "SSIM [Wang, source's head]",
        "kind": "pair",
        "higher_is_better": True,
        "unit": "",
        "decimals": 3,
        "source": "Wang et al. 2004",
    },
    {
        "name": "fid",
        "title": "FID [random:0]",
        "kind": "set",
        "higher_is_better": False,
        "unit": "",
        "decimals": 1,
        "source": "Heusel et al. 2017",
    },
]
# method: SSIM, FID, prediction in words
METHODS: dict[str, tuple[float, float, str]] = {
    "ours": (0.90, 30.0, "predicts x0, DDIM 10 steps"),
    "med-ddpm": (0.86, 40.0, "predicts x0, DDIM 10 steps"),
    "vae": (0.75, 200.0, "one pass, draws from the prior"),
    "copy-source": (0.98, 5.0, ""),
}


@dataclass(frozen=True)
class Fake:
    """What a fake protocol folder is made of."""

    methods: tuple[str, ...] = tuple(METHODS)
    subjects: int = 6
    follow_ups: int = 3
    seeds: int = 1
    spread: float = 0.01  # of scores between subjects
    shareable: bool = True
    shape: tuple[int, int, int] = (16, 20, 16)
    spacing: float = 8.0
    volumes: Volumes | None = None

    def write(self, workspace: Path) -> Path:
        """Write the folder and return it."""
        folder = workspace / "phantom-1a2b3c4d5e6f"
        folder.mkdir(parents=True)
        _write_json(folder / "protocol.json", _protocol(self))
        _write_json(folder / "provenance.json", {"versions": {"longibench": "0.1.0"}, "threads": 2})
        pairs = _pairs(self, workspace)
        pairs.to_csv(folder / "pairs.csv", index=False)
        scores(self, pairs).to_csv(folder / "scores.csv", index=False)
        for method in self.methods:
            for seed in range(self.seeds):
                _write_run(self, folder, method, seed, pairs)
        return folder


def head(subject: int, years: float, shape: tuple[int, int, int] = (16, 20, 16)) -> np.ndarray:
    """A bright ellipsoid with a dark middle that grows with the years."""
    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in shape), indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    size = 0.8 + 0.02 * subject
    volume = np.where(radius < size, 0.6 + 0.1 * axes[0], -1.0)
    return np.where(radius < 0.25 + 0.05 * years, -0.4, volume).astype(np.float32)


def scores(fake: Fake, pairs: pd.DataFrame) -> pd.DataFrame:
    """The score table: subject-wise effects of zero mean, and FID leave-outs."""
    generator = np.random.default_rng(0)
    rows = []
    for method in fake.methods:
        effect = generator.normal(0, fake.spread, fake.subjects)
        effect -= effect.mean()
        ssim, fid, _ = METHODS.get(method, (0.8, 100.0, ""))
        for seed in range(fake.seeds):
            for metric in METRICS:
                title = metric["title"]
                if metric["kind"] == "pair":
                    rows += [
                        _score(method, seed, metric, title, pair, ssim + effect[i] + 0.01 * seed)
                        for pair, i in zip(
                            pairs.itertuples(), pairs.groupby("subject").ngroup(), strict=True
                        )
                    ]
                    continue
                title = f"{title[:-1]}, N={len(pairs)}]"
                rows.append(_score(method, seed, metric, title, None, fid + seed))
                rows += [
                    _score(method, seed, metric, title, s, fid + seed + e, "leave-out")
                    for s, e in zip(sorted(pairs["subject"].unique()), effect * 10, strict=True)
                ]
    return pd.DataFrame(rows, columns=list(SCHEMA.columns))


def _score(
    method: str,
    seed: int,
    metric: dict[str, Any],
    title: str,
    pair: Any,
    value: float,
    role: str = "value",
) -> dict[str, Any]:
    is_pair = metric["kind"] == "pair"
    return {
        "protocol": "phantom-1a2b3c4d5e6f",
        "split": "5b1",
        "method": method,
        "settings": "aaaa",
        "training_seed": seed,
        "subject": pair.subject if is_pair else (pair or ""),
        "visit": pair.visit if is_pair else "",
        "interval_years": pair.interval_years if is_pair else np.nan,
        "sample": 0,
        "metric": metric["name"],
        "title": title,
        "role": role,
        "value": value,
        "n": 1 if is_pair else 18,
        "note": "",
    }


def _protocol(fake: Fake) -> dict[str, Any]:
    return {
        "protocol": "phantom-1a2b3c4d5e6f",
        "preset": "demo",
        "cohort": {
            "name": "phantom",
            "digest": "c0ffee",
            "subjects": 96,
            "visits": 480,
            "shareable": fake.shareable,
        },
        "training_cohort": None,
        "split": {
            "rule": "24 subjects of lowest hash, key 'longibench'",
            "digest": "5b1",
            "train_subjects": 72,
            "test_subjects": fake.subjects,
        },
        "pairs": {
            "rule": "yearly",
            "count": fake.subjects * fake.follow_ups,
            "subjects": fake.subjects,
        },
        "grid": {"shape": list(fake.shape), "spacing_mm": fake.spacing},
        "metrics": METRICS,
        "warnings": ["FID on random features is not comparable with any published FID"],
        "created": "2026-01-01T00:00:00+00:00",
    }


def _pairs(fake: Fake, workspace: Path) -> pd.DataFrame:
    rows = []
    for index in range(fake.subjects):
        name = f"secret{index:03d}"
        source = _write_volume(fake, workspace, f"prepared/{name}-0.nii.gz", index, 0.0)
        for year in range(1, fake.follow_ups + 1):
            years = year + 0.05
            target = _write_volume(fake, workspace, f"prepared/{name}-{year}.nii.gz", index, years)
            rows.append((name, f"ses-M{12 * year:03d}", years, source, target))
    return pd.DataFrame(rows, columns=["subject", "visit", "interval_years", "source", "target"])


def _write_run(fake: Fake, folder: Path, method: str, seed: int, pairs: pd.DataFrame) -> None:
    details = METHODS.get(method, (0, 0, ""))[2]
    model = None if method == "copy-source" else f"models/{method}-s{seed}"
    run = folder / "predictions" / f"{method}-s{seed}"
    run.mkdir(parents=True)
    rows = []
    for number, pair in enumerate(pairs.itertuples()):
        subject = int(pair.subject.removeprefix("secret"))
        years = 0.0 if method == "copy-source" else pair.interval_years
        _write_volume(fake, run, f"{number}.nii.gz", subject, years, method)
        rows.append((pair.subject, pair.visit, pair.interval_years, 0, 1, f"{number}.nii.gz"))
    columns = ["subject", "visit", "interval_years", "sample", "seed", "generated"]
    pd.DataFrame(rows, columns=columns).to_csv(run / "manifest.csv", index=False)
    _write_json(
        run / "run.json",
        {
            "method": method,
            "settings": "aaaa",
            "training_seed": seed,
            "details": details,
            "summary": "",
            "parameters": 1_200_000 if model else 0,
            "iterations": 60 if model else 0,
            "train_seconds": 130.2 if model else 0.0,
            "generate_seconds": 20.1,
            "seconds_per_volume": 0.2,
            "network_evaluations": 10 if model else 0,
            "peak_memory_gb": 1.9,
            "device": "cpu",
            "model": model,
        },
    )
    if model:
        _write_losses(folder.parent / model)


def _write_losses(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    step = np.arange(200)
    loss = 0.9 * np.exp(-step / 60) + 0.1
    loss *= np.random.default_rng(1).lognormal(0, 0.3, len(step))
    table = pd.DataFrame({"stage": "fit", "step": step, "loss": loss, "seconds": 0.1 * step})
    table.to_csv(folder / "losses.csv", index=False)


def _write_volume(
    fake: Fake, folder: Path, name: str, subject: int, years: float, method: str = "real"
) -> str:
    if fake.volumes is None:
        volume = head(subject, years, fake.shape)
    else:
        volume = fake.volumes(subject, years, method)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    affine = np.diag([fake.spacing, fake.spacing, fake.spacing, 1.0])
    nibabel.save(nibabel.Nifti1Image(volume, affine), folder / name)
    return name


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


@pytest.fixture
def fake() -> Fake:
    """The usual fake; change it with ``dataclasses.replace``."""
    return Fake()


@pytest.fixture
def folder(tmp_path: Path, fake: Fake) -> Path:
    """A protocol folder with four methods, six subjects and three follow-ups."""
    return fake.write(tmp_path)


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Such a folder, read; shared by all tests, so change it with ``dataclasses.replace``."""
    return read_results(Fake().write(tmp_path_factory.mktemp("shared")))
