import errno
import os

import pytest

from longibench.benchmark.core.errors import ListedError, UserError, of_system, shortened


def test_a_message_is_one_line() -> None:
    assert str(UserError("not valid YAML:\n  line 1\n\n  line 2\r\n")) == (
        "not valid YAML:; line 1; line 2"
    )
    assert str(UserError("plain")) == "plain"


def test_a_message_holds_nothing_that_acts_on_a_terminal() -> None:
    assert str(UserError("/data/\x1b[2J\udce9/x\u202e")) == r"/data/\u001b[2J\udce9/x\u202e"


def test_a_list_has_one_line_for_each_problem() -> None:
    error = ListedError("t.csv: 2 things", ["cell 'a\nerror: forged'", "b\x1b"], ["c\nd"])
    assert str(error).splitlines() == [
        "t.csv: 2 things",
        "  (1) cell 'a error: forged'",
        r"  (2) b\u001b",
        "  note: c d",
    ]


def test_a_long_value_is_shortened() -> None:
    assert shortened("a" * 200) == "a" * 200
    assert shortened("a" * 5000) == f"{'a' * 100}...{'a' * 100} (5,000 characters)"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "the memory of this machine is not sufficient"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "the memory of"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/x"), "/x: Permission denied;"),
        (OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), "a" * 5000), "(5,000 char"),
        (OSError("odd"), "odd; check the path"),
    ],
)
def test_what_the_system_refuses_is_a_message(error: Exception, message: str) -> None:
    found = str(of_system(error))
    assert message in found
    assert len(found) < 400


def test_a_fault_of_the_program_is_none() -> None:
    assert of_system(RuntimeError("shapes do not match")) is None
    assert of_system(AttributeError("x")) is None
