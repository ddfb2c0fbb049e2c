"""A small protocol folder as the engine writes it, with known scores and volumes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest

from longibench.benchmark.evaluation.score_table import SCHEMA
from longibench.reports.model.results import Results, read_results

Volumes = Callable[[int, float, str], np.ndarray]


def _metric(name: str, title: str, **facts: Any) -> dict[str, Any]:
    usual = {"kind": "pair", "higher_is_better": True, "unit": "", "decimals": 3, "best": None}
    return {"name": name, "title": title, "source": "", "family": "fidelity", **usual, **facts}


METRICS = [
    _metric("ssim", "SSIM [Wang, whole volume]", source="Wang et al. 2004"),
    _metric("ssim-head", "SSIM [Wang, source's head]", source="Wang et al. 2004"),
    _metric(
        "fid",
        "FID [random:0]",
        kind="set",
        family="distribution",
        higher_is_better=False,
        decimals=1,
        source="Heusel et al. 2017",
    ),
]
# Only in a fake with ``more``: each has its own convention.
MORE = [
    _metric("psnr", "PSNR [range 2]", unit="dB", decimals=1),
    _metric("kid", "KID", kind="set", family="distribution", higher_is_better=False, decimals=2),
    _metric(
        "ventricles-intercept",
        "Ventricles, jump",
        family="change",
        higher_is_better=False,
        best=0.0,
        unit="%/year",
        decimals=2,
    ),
    _metric("steadiness", "Steadiness", kind="subject", family="change", decimals=2),
]
# method: SSIM, FID, prediction in words
METHODS: dict[str, tuple[float, float, str]] = {
    "ours": (0.90, 30.0, "predicts x0, DDIM 10 steps"),
    "med-ddpm": (0.86, 40.0, "predicts x0, DDIM 10 steps"),
    "vae": (0.75, 200.0, "one pass, draws from the prior"),
    "copy-source": (0.98, 5.0, ""),
}


# Rows that are no methods, better than all of them; only in a fake that names them.
OTHERS: dict[str, tuple[float, float, str]] = {
    "copy-smoothed": (0.985, 4.0, "Gaussian, FWHM 0.30 voxel"),
    "half-change": (0.99, 3.0, "made with the simulated truth"),
}
ROLES = {"copy-smoothed": "reference", "half-change": "oracle"}


@dataclass(frozen=True)
class Fake:
    """What a fake protocol folder is made of."""

    methods: tuple[str, ...] = tuple(METHODS)
    subjects: int = 6
    follow_ups: int = 3
    seeds: int = 1
    spread: float = 0.01  # of scores between subjects
    more: bool = False  # more metrics than Table I has, floors, and who is who
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
    """The score table: subject-wise effects of zero mean, leave-outs and floors of set metrics."""
    generator = np.random.default_rng(0)
    rows = []
    for method in fake.methods:
        effect = generator.normal(0, fake.spread, fake.subjects)
        effect -= effect.mean()
        for seed in range(fake.seeds):
            for metric in _metrics(fake):
                rows += [
                    _score(method, seed, metric, **found)
                    for found in _values(fake, method, seed, metric, pairs, effect)
                ]
    return pd.DataFrame(rows, columns=list(SCHEMA.columns))


def _metrics(fake: Fake) -> list[dict[str, Any]]:
    return METRICS + MORE if fake.more else METRICS


def true_value(method: str, metric: str) -> float:
    """What a method scores under the first training seed."""
    ssim, fid, _ = (METHODS | OTHERS).get(method, (0.8, 100.0, ""))
    if metric in ("ssim", "ssim-head"):
        return ssim
    others = {"fid": fid, "kid": fid / 100, "psnr": 10 + 20 * ssim, "steadiness": ssim - 0.1}
    return others.get(metric, (ssim - 0.87) * 10)  # a bias: 0.3, -0.1, -1.2 and 1.1


def _values(
    fake: Fake,
    method: str,
    seed: int,
    metric: dict[str, Any],
    pairs: pd.DataFrame,
    effect: np.ndarray,
) -> Iterator[dict[str, Any]]:
    subjects = sorted(pairs["subject"].unique())
    by_subject = dict(zip(subjects, effect, strict=True))
    value = true_value(method, metric["name"])
    if metric["kind"] == "pair":
        for pair in pairs.itertuples():
            yield {"pair": pair, "value": value + by_subject[pair.subject] + 0.01 * seed}
    elif metric["kind"] == "subject":
        for subject in subjects:
            yield {"subject": subject, "value": value + by_subject[subject]}
    else:
        yield {"value": value + seed, "n": len(pairs)}
        for subject in subjects:
            left_out = value + seed + 10 * by_subject[subject]
            yield {"subject": subject, "value": left_out, "role": "leave-out", "n": len(pairs)}
        if fake.more:
            half = len(pairs) // 2
            yield {"value": 3.0, "role": "floor", "n": half}
            yield {"value": value + 2, "role": "half", "n": half}


def _score(
    method: str,
    seed: int,
    metric: dict[str, Any],
    *,
    value: float,
    pair: Any = None,
    subject: str = "",
    role: str = "value",
    n: int = 1,
) -> dict[str, Any]:
    title = metric["title"]
    if metric["kind"] == "set":
        title = f"{title[:-1]}, N={n}]" if title.endswith("]") else f"{title} [N={n}]"
    return {
        "protocol": "phantom-1a2b3c4d5e6f",
        "split": "5b1",
        "method": method,
        "settings": "aaaa",
        "training_seed": seed,
        "subject": pair.subject if pair else subject,
        "visit": pair.visit if pair else "",
        "interval_years": pair.interval_years if pair else np.nan,
        "sample": 0,
        "metric": metric["name"],
        "title": title,
        "role": role,
        "value": value,
        "n": n,
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
        "metrics": _metrics(fake),
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
    columns = ["subject", "visit", "interval_years", "source", "target"]
    table = pd.DataFrame(rows, columns=columns)
    if fake.more:
        number = table["subject"].str.removeprefix("secret").astype(int)
        table["sex"] = np.where(number % 2, "F", "M")
        table["group"] = np.choose(number % 4, ["CN", "CN", "AD", ""])
    return table


def _write_run(fake: Fake, folder: Path, method: str, seed: int, pairs: pd.DataFrame) -> None:
    details = (METHODS | OTHERS).get(method, (0, 0, ""))[2]
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
            **({"role": ROLES[method]} if method in ROLES else {}),  # version 0.1 wrote none
            "summary": "",
            "parameters": 1_200_000 if model else 0,
            "iterations": 60 if model else 0,
            "train_seconds": 130.2 if model else 0.0,
            "train_energy_j": 7_200.0 if model else None,
            "generate_seconds": 20.1,
            "seconds_per_volume": 0.2,
            "energy_j_per_volume": None,
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


@pytest.fixture(scope="session")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A folder with methods, references and an oracle, read."""
    fake = Fake(methods=(*METHODS, *OTHERS), more=True, shape=(4, 5, 4))
    return read_results(fake.write(tmp_path_factory.mktemp("beside")))


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A folder with every kind of metric, two training seeds and 24 subjects, read."""
    fake = Fake(more=True, subjects=24, seeds=2, shape=(4, 5, 4))
    return read_results(fake.write(tmp_path_factory.mktemp("full")))
