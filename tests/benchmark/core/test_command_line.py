"""What was typed, for a shell, and without the paths of the machine."""

import shlex

import pytest

from longibench.benchmark.core.command_line import command_without_paths, typed, without_paths


def test_a_typed_command_is_read_back_by_a_shell() -> None:
    arguments = ["/x y/longibench", "run", "--cohort", "bids:/my $data/it's"]
    assert shlex.split(typed(arguments)) == arguments
    assert typed(["cli.py", "report"]) == "python cli.py report"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bids:/home/jane/my study", "bids:PATH"),
        ("table:C:\\Users\\jane\\a.csv", "table:PATH"),
        ("auto:~jane", "auto:PATH"),
        ("../jane/study.yaml", "PATH"),
        ("file:/home/jane/w.pt", "file:PATH"),
        ("medicalnet:50+23@/home/jane/w.pt", "medicalnet:50+23@PATH"),
        ("--workspace=/home/jane/runs", "--workspace=PATH"),
        ("readers.table.root=/home/jane", "readers.table.root=PATH"),
        ("methods.x.weights=file:/home/jane", "methods.x.weights=file:PATH"),
        ("phantom", "phantom"),
        ("grid.shape=[16,20,16]", "grid.shape=[16,20,16]"),
    ],
)
def test_paths_are_hidden_and_what_is_before_them_stays(text: str, shown: str) -> None:
    assert without_paths({"a": [text, 1, None]}) == {"a": [shown, 1, None]}


def test_a_command_shows_the_name_of_its_program_alone() -> None:
    command = "/home/jane/bin/longibench run --plugin '/home/jane/my x.py' --label 'a b'"
    assert command_without_paths(command) == "longibench run --plugin PATH --label 'a b'"
    assert command_without_paths("python /home/jane/cli.py run") == "python cli.py run"
    assert command_without_paths("run --cohort table:/jane's/x.csv") == ""
