"""Every reader: what is no scan is not counted, what is not on disk is named with the remedy."""

import ast
import shutil
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from longibench.benchmark.cohorts.open_cohort import read_cohort, recognise
from longibench.benchmark.cohorts.reader import NOT_ON_DISK, Reader, find_reader, load_readers
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.errors import UserError

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "docs" / "examples" / "my_reader.py"
PEOPLE = (1, 2, 3)
YEARS = (2010, 2011)
JUNK = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + b"\xff\x00" * 40
# Where each layout has the scan of a person and a visit, and its tables.
SCANS: dict[str, Callable[[int, int], str]] = {
    "bids": lambda p, v: f"sub-{p}/ses-M{12 * v:03d}/anat/sub-{p}_ses-M{12 * v:03d}_T1w.nii.gz",
    "caps": lambda p, v: f"subjects/sub-{p}/ses-M{12 * v:03d}/t1_linear/sub-{p}_{v}_T1w.nii.gz",
    "oasis2": lambda p, v: f"RAW1/OAS2_000{p}_MR{v + 1}/RAW/mpr-1.nii.gz",
    "oasis3": lambda p, v: f"OAS3000{p}_MR_d{365 * v:04d}/anat2/NIFTI/sub-{p}_{v}_T1w.nii.gz",
    "aibl": lambda p, v: f"{p}/MPRAGE/{YEARS[v]}-01-01_00_00_00.0/I{p}{v}/a_I{p}{v}.nii.gz",
    "adni": lambda p, v: (
        f"002_S_000{p}/MPRAGE/{YEARS[v]}-01-01_00_00_00.0/I{p}{v}/a_I{p}{v}.nii.gz"
    ),
    "table": lambda p, v: f"{p}/{v}.nii.gz",
    "dated": lambda p, v: f"p{p}/{YEARS[v]}-01-01.nii.gz",
}
TABLES = {
    "bids": ("participants.tsv", "participant_id\tsex", lambda p, v: f"sub-{p}\tF"),
    "oasis2": ("d.csv", "MRI ID,MR Delay,M/F", lambda p, v: f"OAS2_000{p}_MR{v + 1},{365 * v},F"),
    "oasis3": ("d.csv", "OASISID,AgeatEntry,GENDER", lambda p, v: f"OAS3000{p},70,2"),
    "aibl": ("d.csv", "RID,PTDOB,PTGENDER", lambda p, v: f"{p},/1940,2"),
    "adni": ("d.csv", "PTID,VISCODE,EXAMDATE,DX_bl,PTGENDER", lambda p, v: (
        f"002_S_000{p},m{12 * v:02d},{YEARS[v]}-01-01,CN,Female"
    )),
    "table": ("t.csv", "subject,years,sex,path", lambda p, v: f"{p},{v},F,{p}/{v}.nii.gz"),
}  # fmt: skip


LOST = {  # the folder of a person, or of a visit
    "bids": "sub-1",
    "caps": "subjects/sub-1",
    "oasis3": "OAS30001_MR_d0000",
    "aibl": "1",
    "adni": "002_S_0001",
}


class Study:
    """A tiny study in one layout: three people with two scans, files without a byte."""

    def __init__(self, layout: str, root: Path) -> None:
        self.layout, self.root = layout, root / "study"
        for path in self.scans():
            path.parent.mkdir(parents=True) if not path.parent.is_dir() else None
            path.touch()
        if layout in TABLES:
            _, head, row = TABLES[layout]
            rows = [row(p, v) for p in PEOPLE for v in (0, 1)]
            self.table.write_text("\n".join([head, *dict.fromkeys(rows)]) + "\n")

    @property
    def table(self) -> Path:
        return self.root / TABLES[self.layout][0]

    def scans(self) -> list[Path]:
        return [self.root / SCANS[self.layout](p, v) for p in PEOPLE for v in (0, 1)]

    @property
    def place(self) -> Path:
        return self.table if self.layout == "table" else self.root

    def read(self, **settings: object) -> Cohort:
        return read_cohort(find_reader(self.layout), self.place, self.layout, settings)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "registry", dict(Reader.registry))
    spec = spec_from_file_location("my_reader", EXAMPLE)
    assert spec
    assert spec.loader
    spec.loader.exec_module(module_from_spec(spec))


@pytest.fixture(params=SCANS)
def study(request: pytest.FixtureRequest, tmp_path: Path, example: None) -> Study:
    return Study(request.param, tmp_path)


def annex(path: Path) -> None:
    path.symlink_to(f"../.git/annex/objects/xx/{path.name}")


def lfs(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "link": (lambda path: path.symlink_to("/gone"), "a link to /gone, which does not exist"),
    "annex": (annex, "git annex get"),
    "unlocked": (lambda path: path.write_text("/annex/objects/MD5E-s9--0\n"), "git annex get"),
    "lfs": (lfs, "git lfs pull"),
    "icloud": (lambda path: path.with_name(f".{path.name}.icloud").touch(), "in iCloud"),
    "folder": (lambda path: path.mkdir(), "a folder named like a file"),
}


def replaced(path: Path, kind: str) -> None:
    path.unlink()
    KINDS[kind][0](path)


def not_on_disk(cohort: Cohort) -> str:
    """The only case that is not on disk."""
    (detail,) = cohort.left_out.loc[cohort.left_out["reason"] == NOT_ON_DISK, "detail"]
    return str(detail)


def test_all_readers_are_tried() -> None:
    assert {*SCANS} == {*load_readers(), "dated"}


def test_what_systems_write_beside_scans_is_no_scan(study: Study) -> None:
    for path in [path for path in study.root.rglob("*") if path.is_file()]:
        path.with_name(f"._{path.name}").write_bytes(JUNK)
        path.with_name(f".{path.name}.Xy12").write_bytes(JUNK)
        path.with_name(f"~${path.name}").write_bytes(JUNK)
        for name in (".DS_Store", "Thumbs.db", "desktop.ini", f"{path.name}.part"):
            path.with_name(name).write_bytes(JUNK)
        (path.parent / "@eaDir").mkdir(exist_ok=True)
        shutil.copy(path, path.parent / "@eaDir")
    shutil.copytree(study.root, study.root / "__MACOSX")
    cohort = study.read()
    assert cohort.left_out.empty
    assert cohort.visits["path"].tolist() == sorted(map(str, study.scans()))
    assert recognise(study.place)[0].name == study.layout


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_on_disk_is_no_cohort(study: Study, kind: str) -> None:
    for path in study.scans():
        replaced(path, kind)
    with pytest.raises(UserError, match=rf"no subject has two usable.*{KINDS[kind][1]}") as error:
        study.read()
    assert NOT_ON_DISK in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_scan_that_is_not_on_disk_is_left_out(study: Study, kind: str) -> None:
    missing = study.scans()[3]
    replaced(missing, kind)
    cohort = study.read()
    assert len(cohort.visits) == 4
    assert str(missing) in not_on_disk(cohort)
    assert KINDS[kind][1] in not_on_disk(cohort)


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
@pytest.mark.parametrize(("other", "what"), [(2, "subjects"), (1, "visits")])
def test_two_names_of_one_scan_are_refused(
    study: Study, link: Callable[[Path, Path], None], other: int, what: str
) -> None:
    first, second = study.scans()[0], study.scans()[other]
    second.unlink()
    link(second, first)
    with pytest.raises(UserError, match=f"the same file as .*is listed under two {what}"):
        study.read()


def test_links_to_scans_are_scans(study: Study, tmp_path: Path) -> None:
    for number, path in enumerate(study.scans()):
        path.rename(tmp_path / f"{number}.nii.gz")
        path.symlink_to(tmp_path / f"{number}.nii.gz")
    assert len(study.read().visits) == 6


def test_endings_in_upper_case(study: Study) -> None:
    for path in study.scans():
        path.rename(path.with_name(path.name.replace(".nii.gz", ".NII.GZ")))
    if study.layout == "table":
        study.table.write_text(study.table.read_text().replace(".nii.gz", ".NII.GZ"))
    assert len(study.read().visits) == 6


def test_a_loop_of_folders_ends(study: Study) -> None:
    study.scans()[0].parent.joinpath("up").symlink_to(study.root)
    (study.root / "again").symlink_to(study.root)
    assert len(study.read().visits) == 6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", TABLES)
def test_a_table_that_is_not_on_disk_is_named(layout: str, kind: str, tmp_path: Path) -> None:
    study = Study(layout, tmp_path)
    assert study.read().visits["sex"].tolist() == ["F"] * 6
    replaced(study.table, kind)
    try:
        notes = " ".join(study.read().notes)
    except UserError as error:
        notes = str(error)
    assert study.table.name in notes
    assert KINDS[kind][1] in notes


@pytest.mark.parametrize("layout", LOST)
def test_a_person_on_a_disk_that_is_not_mounted(layout: str, tmp_path: Path) -> None:
    study = Study(layout, tmp_path)
    shutil.rmtree(study.root / LOST[layout])
    (study.root / LOST[layout]).symlink_to("/media/gone")
    assert "a link to /media/gone" in not_on_disk(study.read())


def test_another_scan_of_the_visit_is_taken(tmp_path: Path) -> None:
    study = Study("bids", tmp_path)
    plain = study.scans()[0]
    other = plain.with_name(plain.name.replace("_T1w", "_run-2_T1w"))
    other.touch()
    replaced(plain, "annex")
    cohort = study.read()
    assert cohort.visits["path"].iloc[0] == str(other)
    assert cohort.left_out["reason"].tolist() == [NOT_ON_DISK]


def test_a_sidecar_that_is_not_on_disk_is_named(tmp_path: Path) -> None:
    study = Study("bids", tmp_path)
    annex(study.scans()[0].with_name("sub-1_ses-M000_T1w.json"))
    (case,) = study.read().left_out.itertuples()
    assert "no field strength" in case.reason
    assert "git annex get sub-1_ses-M000_T1w.json" in case.detail


@pytest.mark.parametrize("layout", ["adni", "aibl"])
def test_a_series_of_slices_and_a_nifti_beside_it(layout: str, tmp_path: Path) -> None:
    study = Study(layout, tmp_path)
    nifti = study.scans()[0]
    for slice_ in (nifti.with_name("1.dcm"), nifti.with_name("2.dcm")):
        annex(slice_)
    assert study.read().visits["path"].iloc[0] == str(nifti)
    nifti.unlink()
    assert "1.dcm: a link of git-annex" in not_on_disk(study.read())
    for slice_ in (nifti.with_name("1.dcm"), nifti.with_name("2.dcm")):
        slice_.unlink()
        slice_.with_name(f"._{slice_.name}").write_bytes(JUNK)
    reasons = study.read().left_out["reason"].tolist()
    assert "a folder without an image" in reasons or "a series without an image" in reasons
    nifti.with_name("1.dcm").touch()
    assert study.read().visits["path"].iloc[0] == str(nifti.parent)


def test_an_image_of_two_downloads_is_taken_from_the_disk(tmp_path: Path) -> None:
    study = Study("adni", tmp_path)
    first = study.scans()[0]
    again = study.root / "part2" / first.relative_to(study.root)
    again.parent.mkdir(parents=True)
    again.touch()
    replaced(first, "annex")
    assert study.read().visits["path"].iloc[0] == str(again)


def test_a_table_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "._t.csv").write_bytes(JUNK)
    with pytest.raises(UserError, match=r"_t\.csv: the system writes it beside t\.csv"):
        read_cohort(find_reader("table"), tmp_path / "._t.csv", "x")
    with pytest.raises(UserError, match="beside"):
        recognise(tmp_path / "._t.csv")


@pytest.mark.parametrize("kind", KINDS)
def test_label_maps_that_are_not_on_disk(kind: str, tmp_path: Path) -> None:
    study = Study("table", tmp_path)
    for path in study.scans():
        path.with_name(f"{path.name[0]}_seg.nii.gz").touch()
    settings = {"labels": "{subject}/{years}_seg.nii.gz"}
    assert study.read(**settings).visits["labels"].notna().all()
    replaced(study.root / "2" / "1_seg.nii.gz", kind)
    with pytest.raises(UserError, match=rf"row 5: .*1_seg\.nii\.gz: .*{KINDS[kind][1]}"):
        study.read(**settings)


LISTS = {"glob", "rglob", "iterdir", "scandir", "listdir", "walk"}
ASKS = {"is_file", "isfile", "exists", "lexists", "access", "stat"}


def _calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr


def test_no_reader_lists_or_asks_past_the_rule() -> None:
    cohorts = ROOT / "benchmark" / "cohorts"
    files = [*(cohorts / "readers").rglob("*.py"), *(cohorts / "parsing").rglob("*.py"), EXAMPLE]
    past = {(path.name, call) for path in files for call in _calls(path) if call in LISTS | ASKS}
    assert not past, "use longibench.benchmark.core.found_files"
