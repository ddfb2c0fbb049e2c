import pytest

from longibench.benchmark.settings.plugins import load_methods, load_metrics
from longibench.reports.model.public_text import public_facts, public_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/jdoe/our scans/a.nii.gz: is damaged", "PATH: is damaged"),
        ("cannot read /home/jdoe/our scans", "cannot read PATH"),
        ("'/home/jdoe/our scans' is empty", "'PATH' is empty"),
        ("'/home/the patients' scans/x y' is empty", "'PATH' is empty"),
        ("bids:/data/clinic: no scan", "bids:PATH: no scan"),
        ("our scans/sub-1/anat: no scan", "PATH: no scan"),
        ("see ../clinic/jdoe", "see PATH"),
        ("~jdoe/scans; nothing", "PATH; nothing"),
        (r"C:\Users\jdoe\a b.csv: no", "PATH: no"),
        (r"\\server\clinic\x", "PATH"),
        ("Kopf 01 nachher.nii.gz: damaged", "PATH: damaged"),
        ("weights /home/jdoe/w.pt", "weights w.pt"),
        ("/home/jdoe/my w.pt", "PATH"),  # where a name with a space begins is not known
        ("ask jdoe@clinic.org for it", "ask PATH for it"),
        ("host:/export/x", "host:PATH"),
    ],
)
def test_places_and_addresses_are_not_shown(text: str, shown: str) -> None:
    assert public_text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "24 subjects of lowest hash, key 'longibench'",
        "3.2 %/year, faster than a person's; their rows of scores.csv have this note",
        "read and/or written, 3 / 4, n/a, 1/3",
        "Wang et al. 2004, IEEE TIP 13, doi:10.1109/TIP.2003.819861",
        "https://doi.org/10.1000/abc",
        "dates as %d/%m/%Y",
        "mine.yaml and resnet.pth",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert public_text(text) == text


def test_what_the_registered_metrics_and_methods_say_stays() -> None:
    shipped = [
        kind for kind in load_metrics(()).values() if kind.__module__.startswith("longibench.")
    ]
    for metric in (kind() for kind in shipped):  # not those of another test's plugin
        texts = [metric.citation, metric.unit, metric.title if metric.name != "lpips" else ""]
        assert public_facts(texts) == texts
    methods = [
        kind for kind in load_methods(()).values() if kind.__module__.startswith("longibench.")
    ]
    summaries = [method.summary for method in methods]
    assert public_facts(summaries) == summaries
