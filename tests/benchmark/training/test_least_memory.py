import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.loading import load_settings
from longibench.benchmark.training.least_memory import require_memory
from longibench.benchmark.training.recipe import Recipe


def need(*overrides: str, method: str = "vae", most_pairs: int = 1) -> None:
    settings = load_settings("demo", overrides)
    require_memory(settings.grid, [Recipe.of(method, settings)], most_pairs)


def test_what_fits_passes() -> None:
    need()
    need(method="copy-source")


def test_volumes_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("", (), {"total": 8 * 10**9}))
    need("grid.shape=[512,512,512]", method="copy-source")  # 8 x 0.54 GB
    with pytest.raises(UserError, match=r"grid.shape, 1024 x 512 x 512 voxels: needs 8\.6 GB"):
        need("grid.shape=[1024,512,512]", method="copy-source")
    with pytest.raises(UserError, match=r"grid\.shape"):
        need("grid.shape=[512,512,512]", method="copy-source", most_pairs=8)


def test_networks_that_do_not_fit_are_refused_without_being_allocated() -> None:
    with pytest.raises(UserError, match=r"methods.vae, training: needs .* GB of memory"):
        need("methods.vae.hidden=65536", "methods.vae.channels=[8192]")


def test_a_network_that_cannot_be_built_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("numel overflows\nat line 5")

    monkeypatch.setattr("longibench.benchmark.training.least_memory.outline", fail)
    with pytest.raises(UserError, match=r"methods.vae: it cannot be built .*: numel overflows$"):
        need()
