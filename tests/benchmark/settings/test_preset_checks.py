import shlex
from pathlib import Path

import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.loading import load_settings

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", SECRET)


def preset(folder: Path, text: str, name: str = "theirs.yaml") -> str:
    path = folder / name
    path.write_text(f"extends: demo\n{text}\n")
    return str(path)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("split: {key: '${oc.env:SECRET}'}", "split.key"),
        ("split: {key: '${ oc.env : SECRET }'}", "split.key"),
        ("split: {key: 'a-${oc.env:SECRET,b}'}", "split.key"),
        ("split: {key: '${oc.decode:${oc.env:SECRET}}'}", "split.key"),
        ("split: {key: '${oc.select:preset}'}", "split.key"),
        ("split: {key: '${oc.create:{a: 1}}'}", "split.key"),
        ("split: {key: '${env:SECRET}'}", "split.key"),
        ("split: {key: '${any.other:SECRET}'}", "split.key"),
        (r"split: {key: '\\${oc.env:SECRET}'}", "split.key"),
        ("seed: 1\nsplit: {key: '${${oc.env:SECRET}}'}", "split.key"),
        ("slurm: {setup: [a, 'export A=${oc.env:SECRET}']}", "slurm.setup"),
        ("methods: {ours: {own: {deep: '${oc.env:SECRET}'}}}", "methods.ours.own.deep"),
        ("readers: {table: {root: '${oc.env:SECRET}'}}", "readers.table.root"),
    ],
)
def test_a_preset_takes_nothing_from_the_environment(tmp_path: Path, text: str, key: str) -> None:
    path = preset(tmp_path, text)
    with pytest.raises(UserError) as refusal:
        load_settings(path)
    message = str(refusal.value)
    assert message.startswith(f"{path}: '{key}' is ")
    assert f'--set {key}="$NAME"' in message
    assert SECRET not in message


def test_nor_does_what_it_extends(tmp_path: Path) -> None:
    preset(tmp_path, "split: {key: '${oc.env:SECRET}'}", "base.yaml")
    (tmp_path / "mine.yaml").write_text("extends: base.yaml\n")
    with pytest.raises(UserError, match=r"base\.yaml: 'split\.key'"):
        load_settings(str(tmp_path / "mine.yaml"))
    (tmp_path / "mine.yaml").write_text("extends: '${oc.env:SECRET}.yaml'\n")
    with pytest.raises(UserError, match=r"mine\.yaml: 'extends' is"):
        load_settings(str(tmp_path / "mine.yaml"))


def test_nor_does_an_override() -> None:
    with pytest.raises(UserError, match=r"--set: 'split\.key' is \$\{oc\.env:SECRET\}"):
        load_settings("demo", ["split.key=${oc.env:SECRET}"])


def test_what_the_refusal_advises_works(tmp_path: Path) -> None:
    assert load_settings(preset(tmp_path, ""), [f"split.key={SECRET}"]).split.key == SECRET


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("seed: 3\nsplit: {key: 'a${seed}'}", "a3"),
        ("seed: 3\nsplit: {key: 'a${ ..seed }'}", "a3"),
        (r"split: {key: 'a\${oc.env:SECRET}'}", "a${oc.env:SECRET}"),
        ("split: {key: '$SECRET'}", "$SECRET"),
    ],
)
def test_references_and_literal_text_stay(tmp_path: Path, text: str, key: str) -> None:
    assert load_settings(preset(tmp_path, text)).split.key == key


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{one}: &{one} [{', '.join([f'*{before}'] * 10)}]"
    for before, one in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("text", [LAUGHS, "a: &a [*a]"])
def test_aliases_of_aliases_are_refused_at_once(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="its aliases"):
        load_settings(preset(tmp_path, text))


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.getenv [SECRET]", "!ENV SECRET"])
def test_tags_that_run_code_are_refused(tmp_path: Path, tag: str) -> None:
    with pytest.raises(UserError, match="not valid YAML: could not determine a constructor"):
        load_settings(preset(tmp_path, f"split: {{key: {tag}}}"))


def test_text_that_is_no_yaml_is_refused_with_its_quoted_form() -> None:
    with pytest.raises(UserError, match="not valid YAML; text needs quotes") as refused:
        load_settings("demo", ["readers.table.date_format=%d.%m.%Y"])
    (quoted,) = shlex.split(str(refused.value).partition(": --set ")[2])
    assert load_settings("demo", [quoted]).readers["table"]["date_format"] == "%d.%m.%Y"


@pytest.mark.parametrize("value", ["[" * 5000, "2011-02-30", "%d"])
def test_what_yaml_cannot_read_is_one_line(value: str) -> None:
    with pytest.raises(UserError, match="not valid YAML; text needs quotes") as refused:
        load_settings("demo", [f"split.key={value}"])
    assert len(str(refused.value)) < 1000
