"""What a report of a private study holds: no id, no path, no name of the person at work."""

import base64
import re
import shutil
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

Cli = Callable[..., Any]

IDS = tuple(f"JOHNDOE{number}" for number in range(7))
PLACES = ("jdoe", "secret-clinic", "our scans", "mueller", "anna", "clinic runs")
WORDS = (*PLACES, "johndoe")
PRESET = """
extends: demo
slurm: {extra: ["--mail-user=jdoe@secret-clinic-7.org"], setup: ["cd /home/jdoe/work"]}
grid: {shape: [16, 20, 16], spacing_mm: 8}
preparation: {brain: none, bias: none, registration: none}
metrics: {names: [ssim, mae-head]}
"""
DATA = re.compile(rb"data:image/(?:png|svg\+xml);base64,\s*([A-Za-z0-9+/=\s]+)")
STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of jdoe: a study with a damaged scan and ids as groups, a preset, a split."""
    home = tmp_path / "home" / "jdoe"
    study = home / "secret-clinic-7" / "our scans"
    for number, name in enumerate(IDS):
        for visit in (0, 12, 24):
            _write_scan(study / f"sub-{name}" / f"ses-M{visit:03d}" / "anat", number, visit)
    (study / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    people = [f"sub-{name}\t{name}\t{'FM'[number % 2]}" for number, name in enumerate(IDS)]
    table = "\n".join(["participant_id\tgroup\tsex", *people])
    (study / "participants.tsv").write_text(table)
    (scan,) = (study / "sub-JOHNDOE6" / "ses-M024" / "anat").glob("*.nii.gz")
    scan.write_bytes(scan.read_bytes()[:200])
    parts = [f"{name}\t{'train' if number < 1 else 'test'}" for number, name in enumerate(IDS)]
    (home / "Mueller, Anna.tsv").write_text("\n".join(["subject\tpartition", *parts]))
    (home / "mine.yaml").write_text(PRESET)
    monkeypatch.setenv("HOME", str(home))
    return home


def _write_scan(folder: Path, number: int, visit: int) -> None:
    folder.mkdir(parents=True)
    axes = np.meshgrid(*(np.linspace(-1, 1, side) for side in (16, 20, 16)), indexing="ij")
    radius = np.sqrt(sum(axis**2 for axis in axes))
    values = np.where(radius < 0.8, 500 + 100 * axes[0] + 10 * number, 0)
    values = np.where(radius < 0.3 + visit / 400, 150, values).astype(np.float32)
    image = nib.Nifti1Image(values, np.diag([8.0, 8.0, 8.0, 1.0]))
    name = f"{folder.parts[-3]}_{folder.parts[-2]}_T1w.nii.gz"
    nib.save(image, folder / name)


def contents(content: bytes) -> Iterator[bytes]:
    """What is readable in a file: a PDF's streams and a PNG's chunks without the pixels."""
    if content.startswith(b"\x89PNG"):
        at = 8
        while at < len(content):
            (size,) = struct.unpack(">I", content[at : at + 4])
            kind, chunk = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
            if kind != b"IDAT":
                yield chunk
                yield from _unpacked(chunk)
            at += size + 12
        return
    if content.startswith(b"%PDF"):
        yield STREAM.sub(b"", content)
        for packed in STREAM.findall(content):
            yield from _unpacked(packed)
        return
    yield DATA.sub(b"", content)
    for coded in DATA.findall(content):
        yield from contents(base64.b64decode(coded))


def _unpacked(content: bytes) -> Iterator[bytes]:
    """The first zlib stream in it, wherever it begins."""
    for start in range(min(len(content), 90)):
        try:
            yield zlib.decompressobj().decompress(content[start:])
        except zlib.error:
            continue
        return


def found(folder: Path, words: tuple[str, ...] = WORDS) -> set[str]:
    """The words in names and contents of all files of a folder."""
    texts = [str(path.relative_to(folder)).encode() for path in folder.rglob("*")]
    for path in folder.rglob("*"):
        if path.is_file():
            texts += contents(path.read_bytes())
    everything = b"\n".join(texts).lower()
    return {word for word in words if word.encode() in everything}


def test_the_search_reads_compressed_parts_and_embedded_images(tmp_path: Path) -> None:
    text = zlib.compress(b"x /home/jdoe y")
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1\nstream\n" + text + b"endstream")
    assert found(tmp_path) == {"jdoe"}
    chunk = b"Comment\0\0" + zlib.compress(b"JOHNDOE3")
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(chunk)) + b"zTXt" + chunk + b"\0\0\0\0"
    page = b'<img src="data:image/png;base64,' + base64.b64encode(png) + b'">'
    (tmp_path / "b.html").write_bytes(page)
    assert found(tmp_path) == {"jdoe", "johndoe"}


@pytest.mark.slow
def test_nothing_private_leaves_with_a_report(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, runs = home / "secret-clinic-7" / "our scans", home / "clinic runs"
    place = ("--workspace", runs, "--quiet")
    split = f"split.test={home / 'Mueller, Anna.tsv'}"
    ran = cli(
        *("run", "--methods", "copy-source", "--cohort", f"bids:{study}"),
        *("--preset", home / "mine.yaml", "--set", split, "--set", "device.threads=1"),
        *("--set", "reference_rows=false", *place),
    )
    assert ran.code == 0, ran.err
    protocol = Path(ran.out.strip().splitlines()[-1]).parent
    (made,) = protocol.glob("predictions/*/")
    only = shutil.ignore_patterns("run.json", "scores.csv", "digests.csv")
    elsewhere = shutil.copytree(made, home / "secret-clinic-7" / "volumes", ignore=only)
    scored = cli("evaluate", elsewhere, "--name", "other", *place)
    assert scored.code == 0, scored.err
    _check_report(cli, protocol, place)
    page = (protocol / "report" / "index.html").read_text()
    command = re.search(r"<pre>longibench run (.*?)</pre>", page)
    assert command is not None
    assert command[1] == (
        "--methods copy-source --cohort bids:PATH --preset mine.yaml --set split.test=PATH "
        "--set device.threads=1 --set reference_rows=false --workspace PATH --quiet"
    )
    assert found(runs) == set(WORDS)  # what stays has them, and the search finds them
    assert found(protocol / "predictions") >= {"johndoe"}

    next(elsewhere.glob("sub-JOHNDOE1*.nii.gz")).unlink()
    (elsewhere / "manifest.csv").unlink()
    against = cli(
        *("evaluate", elsewhere, "--against", f"bids:{study}", "--some"),
        *("--preset", home / "mine.yaml"),
        *("--pattern", "sub-{subject}_{visit}_sample-0_T1w.nii.gz", "--range=-1,1"),
        *("--metrics", "ssim", "--name", "partial", *place),
    )
    assert against.code == 0, against.err
    for draw in ("_figure_2", "_cohort"):  # drawing again is slow and shows nothing new
        monkeypatch.setattr(f"longibench.reports.pages.report.{draw}", lambda *_: [])
    _check_report(cli, Path(against.out.strip().splitlines()[-1]).parent, place)


def _check_report(cli: Cli, protocol: Path, place: tuple[object, ...]) -> None:
    reported = cli("report", "--protocol", protocol.name, *place)
    assert reported.code == 0, reported.err
    assert found(protocol / "report") == set()


def test_a_cohort_page_has_ids_and_no_paths(cli: Cli, home: Path) -> None:
    study, runs = home / "secret-clinic-7" / "our scans", home / "clinic runs"
    common = ("--preset", home / "mine.yaml", "--workspace", runs, "--quiet")
    described = cli("cohort", f"bids:{study}", "--json", *common)
    assert described.code == 0, described.err
    assert not [word for word in WORDS if word in described.out.lower()]
    prepared = cli("prepare", f"bids:{study}", *common)
    assert prepared.code == 0, prepared.err
    assert found(runs / "cohorts") == {"johndoe"}  # the page that must stay shows who is who
    page = Path(prepared.out.strip().splitlines()[-1]).read_text()
    assert "JOHNDOE6" in page.partition("Left out")[2]
