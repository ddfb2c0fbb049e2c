"""A recipe can be sent to any process, and its identity is what determines a method's results."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from longibench.benchmark.core import code_imports
from longibench.benchmark.core.code_identity import ModuleFile, code_digest, name_of
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.settings.plugins import load_methods
from longibench.benchmark.training.recipe import Recipe, code_of
from longibench.methods.method import REGISTRY

ROOT = Path(__file__).parents[3]
DIFFUSION = {"ours", "med-ddpm"}
METHODS = ("copy-source", "med-ddpm", "ours", "vae")


def test_a_recipe_holds_every_setting() -> None:
    recipe = Recipe.of("vae", load_settings("demo", ["methods.vae.latent=5"]))
    assert recipe.values["latent"] == 5
    assert recipe.values["reconstruction_weight"] == 10
    assert recipe.shape == (32, 40, 32)
    assert recipe.build().settings.model_dump(mode="json") == recipe.values


def test_methods_have_different_digests() -> None:
    methods = load_methods()
    assert len({code_of(methods[name]) for name in METHODS}) == 4


def test_another_sampler_is_another_result_of_the_same_training() -> None:
    few, many = (
        Recipe.of("ours", load_settings("demo", [f"methods.ours.diffusion.sampler.steps={count}"]))
        for count in (5, 10)
    )
    assert few.describe() != many.describe()
    assert few.describe_training() == many.describe_training()


Trained = Callable[[], dict[str, str]]


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of ``methods`` whose files can be changed."""
    monkeypatch.setattr(code_imports, "HOME", tmp_path)
    return Path(shutil.copytree(ROOT / "methods", tmp_path / "methods"))


@pytest.fixture
def trained(copied: Path) -> Trained:
    """Digests of the code that each method's training depends on, in the copy."""

    def read() -> dict[str, str]:
        found = {}
        for name in METHODS:
            method = load_methods()[name]
            path = copied / f"{method.__module__.rpartition('.')[2]}.py"
            without = frozenset(map(name_of, method.__dict__.get("generation_only", ())))
            found[name] = code_digest(ModuleFile.of(method.__module__, path), without)
        return found

    return read


@pytest.mark.parametrize(
    ("file", "before", "after", "methods"),
    [
        ("samplers.py", "", "\nclass Another(DDIM): ...\n", set()),
        ("samplers.py", "eta**2", "eta**3", set()),
        ("diffusion.py", "return x.clamp(-1, 1)", "return x", set()),
        ("diffusion.py", "signal * x0 + noise * epsilon", "signal * x0", DIFFUSION),
        ("noise_schedule.py", "0.008", "0.009", DIFFUSION),
        ("blocks.py", "", "\nANOTHER = 1\n", {*DIFFUSION, "vae"}),
        ("unet.py", "", "\nANOTHER = 1\n", DIFFUSION),
        ("vae.py", "return self.decode(latent, source, interval_years)", "return source", set()),
        ("vae.py", "* error + divergence", "* error", {"vae"}),
        ("ours.py", "", "\nANOTHER = 1\n", {"ours"}),
        ("method.py", "", "\nANOTHER = 1\n", set(METHODS)),
        ("method.py", "", '\n"""Words."""  # more words\n', set()),
    ],
)
def test_which_methods_are_trained_again_when_a_file_changes(
    trained: Trained, copied: Path, file: str, before: str, after: str, methods: set[str]
) -> None:
    old = trained()
    text = (copied / file).read_text(encoding="utf-8")
    assert before in text
    changed = text.replace(before, after) if before else text + after
    (copied / file).write_text(changed, encoding="utf-8")
    assert {name for name, code in trained().items() if code != old[name]} == methods


SUBCLASS = """
from methods.ours import Ours

class Kind(Ours, name="{name}"):
    {line}
"""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("generation_only = 5", "a tuple of modules and functions, got 5"),
        ("generation_only = (property(len),)", "a tuple of modules and functions, got "),
        ("generation_only = ('methods.samplers',)", "a tuple of modules and functions, got "),
    ],
)
def test_generation_only_must_be_modules_and_functions(
    tmp_path: Path, line: str, message: str
) -> None:
    path = tmp_path / "kind.py"
    path.write_text(SUBCLASS.format(name="of-nothing", line=line))
    with pytest.raises(UserError, match=message):
        load_methods([path])
    assert "of-nothing" not in REGISTRY


def test_a_subclass_does_not_inherit_generation_only(tmp_path: Path) -> None:
    """It may use code in training that its base uses only in generation."""
    path = tmp_path / "kind.py"
    path.write_text(SUBCLASS.format(name="of-ours", line="pass"))
    try:
        kind = load_methods([path])["of-ours"]
        assert code_of(kind, training=True) == code_of(kind)
        assert code_of(REGISTRY["ours"], training=True) != code_of(REGISTRY["ours"])
    finally:
        REGISTRY.pop("of-ours", None)


def test_a_methods_own_defaults_stand_between_the_shared_settings_and_the_users() -> None:
    paper = load_settings("paper", ["training.batch_size=3", "training.iterations=70000"])
    own = Recipe.of("copy-smoothed", paper).training(paper)
    assert (own.iterations, own.batch_size, own.validation.every) == (100, 3, 0)
    assert Recipe.of("vae", paper).training(paper).iterations == 70000
    asked = load_settings("paper", ["methods.copy-smoothed.training.iterations=7"])
    assert Recipe.of("copy-smoothed", asked).training(asked).iterations == 7
