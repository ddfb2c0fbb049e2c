from pathlib import Path

import pytest

from benchmark.errors import UserError
from benchmark.plugins import find_method, find_metric, load_methods, load_metrics


def test_every_file_is_found() -> None:
    assert {"ours", "med-ddpm", "vae", "copy-source"} <= set(load_methods())
    assert {"fid", "ssim", "ssim-head"} <= set(load_metrics())


def test_unknown_names_get_the_nearest() -> None:
    load_methods()
    load_metrics()
    with pytest.raises(UserError, match=r"unknown method 'our'. Did you mean 'ours'.*copy-source"):
        find_method("our")
    with pytest.raises(UserError, match=r"unknown metric 'simm'. Did you mean 'ssim'"):
        find_metric("simm")


def test_a_plugin_is_imported_once(tiny: Path) -> None:
    assert load_methods([tiny])["tiny"] is load_methods([tiny])["tiny"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: .*nothing_of_this_name"),
        ("1 / 0", "ZeroDivisionError"),
        ("def broken(:", "SyntaxError: .*line 1"),
        (
            "from methods.method import Method\nclass X(Method, name='half-done'): ...",
            "it lacks generate, training_loss",
        ),
        (
            "from methods.copy_source import CopySource\nclass X(CopySource, name='vae'): ...",
            "method name 'vae' is taken by methods.vae.VAE",
        ),
    ],
)
def test_a_broken_plugin_is_named_with_its_problem(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    for _ in range(2):  # it is not taken for imported afterwards
        with pytest.raises(UserError, match=f"--plugin .*broken.py: .*{message}"):
            load_methods([path])
    with pytest.raises(UserError, match=r"--plugin .*none\.py: no such file"):
        load_methods([tmp_path / "none.py"])
