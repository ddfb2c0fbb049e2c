"""What a reader listed, compared with the disk: scans without content, one file listed twice."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from longibench.benchmark.cohorts.reader import NOT_ON_DISK, FoundScan, LeftOut, Listing
from longibench.benchmark.core.errors import UserError
from longibench.benchmark.core.found_files import NO_SUCH, why_absent


def only_present(listing: Listing) -> Listing:
    """The listing without scans that have no content on disk; they are left out with the remedy."""
    problems = [why_absent(scan.path) for scan in listing.scans]
    absent = [
        LeftOut(scan.subject, scan.visit, NOT_ON_DISK, f"{scan.path}: {problem}")
        for scan, problem in zip(listing.scans, problems, strict=True)
        if problem
    ]
    if not absent:
        return listing
    present = [s for s, problem in zip(listing.scans, problems, strict=True) if not problem]
    return replace(listing, scans=present, left_out=[*listing.left_out, *absent])


def nothing_in(folder: Path, reason: str) -> tuple[str, str]:
    """Reason and detail for a folder in which nothing was found: it may not be on this disk."""
    problem = NO_SUCH if folder.is_dir() else why_absent(folder)
    return (reason, str(folder)) if problem == NO_SUCH else (NOT_ON_DISK, f"{folder}: {problem}")


def refuse_shared_files(
    scans: list[FoundScan], what: str, owner: Callable[[FoundScan], str], where: Path
) -> None:
    """Refuse a file with two owners, also under two names: links to it are the same scan.

    Args:
        scans: What is listed.
        what: What an owner is, in the plural.
        owner: Whose file it is, such as the subject.
        where: The folder or file that an error should name.

    Raises:
        UserError: Two owners have one file.
    """
    seen: dict[object, FoundScan] = {}
    for scan in scans:
        first = seen.setdefault(_identity(scan.path), scan)
        if owner(first) != owner(scan) and _is_same(first.path, scan.path):
            other = "" if first.path == scan.path else f" (the same file as {first.path})"
            raise UserError(
                f"{where}: {scan.path}{other} is listed under two {what}, {owner(first)} and "
                f"{owner(scan)}; one person's scan must not be in two parts of a split, "
                "nor its own follow-up"
            )


def _identity(path: Path) -> object:
    """What is equal for all names of one file; links are followed."""
    try:
        status = os.stat(path)
    except OSError:
        return str(path)
    return (status.st_dev, status.st_ino) if status.st_ino else str(path)


def _is_same(first: Path, second: Path) -> bool:
    """Whether two paths are one file: some network disks give two files one number."""
    if first == second or os.path.realpath(first) == os.path.realpath(second):
        return True
    return os.stat(second).st_nlink > 1 and not os.path.isdir(second)
