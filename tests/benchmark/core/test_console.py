import pytest

from longibench.benchmark.core.console import Console


def test_stdout_is_left_to_results(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.say("working [not markup]")
    assert list(console.track(range(3), "counting", 3)) == [0, 1, 2]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "working [not markup]" in captured.err
    assert "3/3" in captured.err


def test_quiet_keeps_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True)
    console.say("working")
    assert list(console.track(range(3), "counting", 3)) == [0, 1, 2]
    console.warn("careful")
    assert capsys.readouterr().err.strip() == "warning: careful"
