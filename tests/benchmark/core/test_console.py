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


def test_no_character_acts_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.say("a\x1b[31m :smile: \r")
    console.warn("b\x1b]0;title\x07")
    with console.bar("[red]c\x1b[2J", 1) as bar:
        bar.advance(note="[bold]d\x1b\ne")
    shown = capsys.readouterr().err
    for text in (
        "a\\u001b[31m :smile: ",
        "b\\u001b]0;title\\u0007",
        "[red]c\\u001b[2J",
        "d\\u001b e",
    ):
        assert text in shown
    assert "\x1b" not in shown
