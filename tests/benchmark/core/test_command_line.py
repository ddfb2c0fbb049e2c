"""What was typed, for a shell."""

import shlex

from longibench.benchmark.core.command_line import typed


def test_a_typed_command_is_read_back_by_a_shell() -> None:
    arguments = ["/x y/longibench", "run", "--cohort", "bids:/my $data/it's"]
    assert shlex.split(typed(arguments)) == arguments
    assert typed(["cli.py", "report"]) == "python cli.py report"
