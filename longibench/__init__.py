"""A benchmark suite for longitudinal brain MRI generation.

Everything is installed under this name. In a checkout the packages are next to this folder, and the
links in it are for tools that read code without running it.

Plugins may omit the name: ``from methods.method import Method`` gives the same module as
``from longibench.methods.method import Method``. Programs of longibench claim the short names; in
any other program they refer to it while a plugin is imported, and if no other package has them.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    """Reserve the short names in this process, even if others are installed under them.

    For programs of longibench: what others have under these names is gone from ``sys.modules``.
    """
    _finder.claimed = True
    _remove_others()


@contextmanager
def short_names_claimed() -> Iterator[None]:
    """Reserve the short names while a plugin is imported; a library's program gets its own back."""
    before, _finder.claimed = _finder.claimed, True
    others = _remove_others()
    try:
        yield
    finally:
        _finder.claimed = before
        tops = {name.partition(".")[0] for name in others}
        if not before and tops:
            for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
                del sys.modules[name]
            sys.modules.update(others)


def _remove_others() -> dict[str, ModuleType]:
    """Take what others have under the short names out of ``sys.modules``, and return it."""
    others = {top for top in SHORT_NAMES if top in sys.modules and not _is_ours(top)}
    names = [name for name in sys.modules if name.partition(".")[0] in others]
    return {name: sys.modules.pop(name) for name in names}


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
