"""The matrix: every method with every training seed on every fold of the split."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.options import whole_numbers
from longibench.benchmark.settings.limits import MOST_FOLDS, MOST_SEED
from longibench.benchmark.settings.messages import validate
from longibench.benchmark.settings.schema import Settings, SplitSettings
from longibench.benchmark.training.recipe import Recipe

ALL = "all"


@dataclass(frozen=True)
class Matrix:
    """The training seeds and folds of a run.

    Training seeds share a protocol and a table; each fold is another split, and so another
    protocol.

    Attributes:
        seeds: Training seeds; empty for that of the settings.
        folds: Folds, counted from 0; empty for that of the settings.
    """

    seeds: tuple[int, ...] = ()
    folds: tuple[int, ...] = ()

    @classmethod
    def parse(cls, seeds: str | None, folds: str | None, settings: Settings) -> "Matrix":
        """Read the options: numbers with commas, or ``all`` for folds.

        Raises:
            UserError: Not numbers, one of them twice, or folds for a split without folds.
        """
        if folds is not None and not settings.split.folds:
            raise UserError(
                "--folds: the split has none; set their number, such as --set split.folds=5"
            )
        every = folds is not None and folds.strip() == ALL
        chosen = tuple(range(settings.split.folds)) if every else _listed("--folds", folds)
        return cls(_listed("--seeds", seeds), chosen)

    def by_fold(self, settings: Settings) -> list[Settings]:
        """The settings of each fold.

        Raises:
            UserError: The split does not have this fold.
        """
        return [_of_fold(settings, fold) for fold in self.folds] if self.folds else [settings]

    def by_seed(self, settings: Settings) -> list[Settings]:
        """The settings of each training seed."""
        chosen = self.seeds or (settings.seed,)
        return [settings.model_copy(update={"seed": seed}) for seed in chosen]

    def settings(self, base: Settings) -> Iterator[Settings]:
        """The settings of every fold and seed."""
        for fold in self.by_fold(base):
            yield from self.by_seed(fold)


def read_recipes(
    methods: list[str], settings: Settings, plugins: tuple[Path, ...] = ()
) -> list[Recipe]:
    """Recipes of the named methods; the settings of all others are checked too.

    Raises:
        UserError: No method, an unknown one, or a wrong setting of any.
    """
    if not methods:
        raise UserError("--methods: name at least one; see 'python cli.py methods'")
    recipes = {
        name: Recipe.of(name, settings, plugins)
        for name in dict.fromkeys([*methods, *settings.methods])
    }
    for recipe in recipes.values():
        recipe.training(settings)
    return [recipes[name] for name in dict.fromkeys(methods)]


def _of_fold(settings: Settings, fold: int) -> Settings:
    values = {**settings.split.model_dump(), "fold": fold}
    split = validate(SplitSettings, values, "split")
    return settings.model_copy(update={"split": split})


def _listed(option: str, text: str | None) -> tuple[int, ...]:
    most = MOST_SEED if option == "--seeds" else MOST_FOLDS
    return () if text is None else whole_numbers(option, text, most)
