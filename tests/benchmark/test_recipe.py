from pathlib import Path

import pytest

from benchmark.plugins import load_methods
from benchmark.recipe import METHODS_FOLDER, Recipe, _collect, code_digest
from benchmark.settings import load_settings


def collected(path: Path) -> dict[str, str]:
    seen: dict[str, str] = {}
    _collect(path, seen)
    return seen


def test_a_recipe_holds_every_setting() -> None:
    recipe = Recipe.of("vae", load_settings("demo", ["methods.vae.latent=5"]))
    assert recipe.values["latent"] == 5
    assert recipe.values["reconstruction_weight"] == 10
    assert recipe.shape == (32, 40, 32)
    assert recipe.build().settings.model_dump(mode="json") == recipe.values


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ('"""Other words."""\nx = 1\n', False),
        ("# a comment\nx  =  1\n", False),
        ("x = 2\n", True),
        ("from methods.noise import SeededNoise\nx = 1\n", True),
    ],
)
def test_only_what_runs_counts(tmp_path: Path, text: str, counts: bool) -> None:
    path = tmp_path / "mine.py"
    path.write_text('"""Words."""\nx = 1\n')
    before = collected(path)
    path.write_text(text)
    assert (collected(path) != before) == counts


def test_imported_files_of_the_project_count() -> None:
    assert {"ours", "conditional_diffusion", "diffusion", "method"} <= set(
        collected(METHODS_FOLDER / "ours.py")
    )


def test_methods_have_digests_of_their_own() -> None:
    methods = load_methods()
    digests = {code_digest(methods[name]) for name in ("ours", "vae", "med-ddpm", "copy-source")}
    assert len(digests) == 4
