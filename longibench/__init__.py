"""A benchmark suite for longitudinal brain MRI generation.

Everything is installed under this name. In a checkout the packages are next to this folder, and the
links in it are for tools that read code without running it.

Plugins may omit the name: ``from methods.method import Method`` gives the same module as
``from longibench.methods.method import Method``. Programs of longibench claim the short names; in
any other program that imports longibench they refer to it only if no other package has them.
"""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

SHORT_NAMES = ("benchmark", "methods", "metrics", "reports")

_FOLDER = Path(__file__).parent
if (_FOLDER / "methods").is_symlink() or not (_FOLDER / "methods").is_dir():
    __path__ = [str(_FOLDER.parent)]  # a checkout


class _ShortNames(MetaPathFinder, Loader):
    """Resolves ``import methods.method`` to the module ``longibench.methods.method`` itself."""

    claimed = False

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = name.partition(".")[0]
        if top not in SHORT_NAMES:
            return None
        ours = self._has(top) if name == top else _is_ours(top)
        there = ours and importlib.util.find_spec(f"{__name__}.{name}")
        return ModuleSpec(name, self) if there else None

    def _has(self, top: str) -> bool:
        # neither this one, nor the one of an earlier import of this module, which would ask back
        others = (its for its in sys.meta_path if type(its).__module__ != __name__)
        return self.claimed or not any(
            its.find_spec(top, None) for its in others if hasattr(its, "find_spec")
        )

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(f"{__name__}.{spec.name}")
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        alias = module.__spec__  # set by Python, which treats the module as new
        module.__spec__ = alias.loader_state if alias else None


_finder = _ShortNames()
sys.meta_path.insert(0, _finder)


def claim_short_names() -> None:
    """Reserve the short names for this package, even if others are installed under them."""
    _finder.claimed = True
    others = {top for top in SHORT_NAMES if not _is_ours(top)}
    for name in [name for name in sys.modules if name.partition(".")[0] in others]:
        del sys.modules[name]


def be_one_object(name: str) -> None:
    """Make a package that Python found by its short name in a checkout the same as the full name's.

    Args:
        name: The package's ``__name__``; nothing happens for a full one.
    """
    if name in SHORT_NAMES:
        sys.modules[name] = importlib.import_module(f"{__name__}.{name}")


def _is_ours(top: str) -> bool:
    module = sys.modules.get(top)
    return module is not None and module is sys.modules.get(f"{__name__}.{top}")
