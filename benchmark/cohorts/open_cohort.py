"""Open a cohort by its spec: ``phantom``, ``phantom:clean`` or ``READER:PATH``."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from longibench.benchmark.cohorts.assembly import assemble
from longibench.benchmark.cohorts.phantom.visit_truth import with_truth
from longibench.benchmark.cohorts.presence import only_present
from longibench.benchmark.cohorts.reader import Reader, find_reader, load_readers
from longibench.benchmark.cohorts.readers.bids import Bids
from longibench.benchmark.cohorts.visit_table import Cohort
from longibench.benchmark.core.collector import uncollected
from longibench.benchmark.core.console import Console
from longibench.benchmark.core.damage import is_whole, record_tree
from longibench.benchmark.core.errors import UserError, shortened
from longibench.benchmark.core.files import digest
from longibench.benchmark.core.found_files import require_content, why_absent
from longibench.benchmark.core.names import check_text
from longibench.benchmark.core.workspace import PATIENCE, Workspace
from longibench.benchmark.settings.messages import validate
from longibench.benchmark.settings.phantom import SIMULATION, PhantomSettings, StudySettings
from longibench.benchmark.settings.phantom_clean import CleanSettings
from longibench.benchmark.settings.schema import Settings

AUTO = "auto"
PHANTOM, CLEAN = "phantom", "phantom:clean"
SIMULATED = (PHANTOM, CLEAN)


def open_cohort(spec: str, settings: Settings, workspace: Workspace, console: Console) -> Cohort:
    """Read a cohort; the phantom is simulated into the workspace first, then read like any other.

    Args:
        spec: ``phantom``, ``phantom:clean``, ``READER:PATH``, or ``auto:PATH`` for the reader that
            recognises it.
        settings: The run's settings; the phantom takes its spacing from the grid.
        workspace: Where a simulated cohort is kept.
        console: For progress, and for what ``auto`` recognised.

    Raises:
        UserError: An unknown reader, a missing path, or data that the reader refuses.
    """
    if spec in SIMULATED:
        folder = _simulated(spec, settings, workspace, console)
        return with_truth(read_cohort(Bids, folder, spec), folder)
    kind, path = _parsed(spec)
    if kind is None:
        kind, why = recognise(path)
        console.say(f"{path}: read as {kind.name}, because {why}")
    own = settings.readers.get(kind.name, {})
    return read_cohort(kind, path, f"{kind.name}:{spec.partition(':')[2]}", own)


def check_spec(spec: str, settings: Settings) -> None:
    """Check what can be checked of a cohort before anything is simulated or read.

    Raises:
        UserError: An unknown reader, a missing path, or settings of the phantom or of any reader
            that are wrong.
    """
    if spec in SIMULATED:
        phantom_of(spec, settings)
    else:
        _, path = _parsed(spec)
        if not path.is_dir() and (problem := why_absent(path)):
            raise UserError(f"cohort '{shortened(spec)}': {path}: {problem}")
    for name, values in settings.readers.items():
        validate(find_reader(name).Settings, values, f"readers.{name}")


def is_here(spec: str) -> bool:
    """Whether a cohort can be read on this machine without simulating it.

    Raises:
        UserError: The spec cannot be parsed.
    """
    return spec not in SIMULATED and _parsed(spec)[1].exists()


def _parsed(spec: str) -> tuple[type[Reader] | None, Path]:
    """Reader and path of a spec; no reader for ``auto``."""
    name, separator, place = check_text(spec, "cohort", "--cohort").partition(":")
    if not separator and os.path.lexists(os.path.expanduser(spec)):
        raise UserError(f"cohort '{spec}': name the reader too, such as {AUTO}:{spec}")
    if name == PHANTOM:
        raise UserError(f"cohort '{shortened(spec)}': write it as {' or '.join(SIMULATED)}")
    kind = None if name == AUTO else find_reader(name)
    if not separator or not place:
        raise UserError(f"cohort '{spec}': write it as {name}:PATH")
    return kind, Path(os.path.expanduser(place))


def recognise(path: Path) -> tuple[type[Reader], str]:
    """The only reader that recognises a path, and why.

    Raises:
        UserError: No such path, or no reader or several readers recognise it.
    """
    if not path.is_dir():
        require_content(path)
    readers = load_readers().values()
    known = [(reader, why) for reader in readers if (why := reader.recognises(path))]
    if len(known) == 1:
        return known[0]
    if known:
        reasons = "; ".join(f"{reader.name}, because {why}" for reader, why in known)
        raise UserError(f"{path}: could be several layouts ({reasons}); write NAME:{path}")
    layouts = "; ".join(f"{reader.name}: {reader.summary}" for reader in readers)
    raise UserError(f"{path}: no known layout; the known ones are {layouts}")


def read_cohort(
    kind: type[Reader], path: Path, name: str, values: Mapping[str, Any] | None = None
) -> Cohort:
    """Read a folder or file with a reader.

    Args:
        kind: The reader.
        path: The folder or file.
        name: How the user named it.
        values: The reader's own settings; see its ``Settings``.

    Raises:
        UserError: A setting that does not exist, or data that the reader refuses.
    """
    own = validate(kind.Settings, dict(values or {}), f"readers.{kind.name}")
    with uncollected():
        return assemble(only_present(kind(own).read(path)), name, path)


def phantom_of(spec: str, settings: Settings) -> PhantomSettings | CleanSettings:
    """The simulated cohort of a run: on its grid.

    Args:
        spec: One of ``SIMULATED``.
        settings: The run's settings.

    Raises:
        UserError: Another spacing than that of the grid, one that cannot be simulated, or a
            setting that the first version does not have.
    """
    own = settings.phantom
    if "spacing_mm" in own.model_fields_set and own.spacing_mm != settings.grid.spacing_mm:
        raise UserError(
            f"phantom.spacing_mm={own.spacing_mm}: a run simulates on its grid; "
            "set grid.spacing_mm instead"
        )
    given = own.model_dump(exclude_unset=True)
    if spec == CLEAN:
        return clean_phantom({**given, "spacing_mm": settings.grid.spacing_mm})
    phantom: PhantomSettings = validate(
        PhantomSettings, {**own.model_dump(), "spacing_mm": settings.grid.spacing_mm}, "phantom"
    )
    return phantom


def clean_phantom(given: dict[str, Any]) -> CleanSettings:
    """The first version of the phantom, with settings that both versions have.

    Raises:
        UserError: A setting of the second version, or a wrong value.
    """
    if foreign := sorted(set(given) - set(StudySettings.model_fields)):
        raise UserError(
            f"phantom.{foreign[0]}: {CLEAN} has its own, which are fixed; leave it out, or use "
            f"--cohort {PHANTOM}"
        )
    clean: CleanSettings = validate(CleanSettings, given, "phantom")
    return clean


def _simulated(spec: str, settings: Settings, workspace: Workspace, console: Console) -> Path:
    from longibench.benchmark.cohorts.phantom.dataset import (
        write_phantom,  # torch is slow to import
    )

    phantom = phantom_of(spec, settings)
    made = digest([SIMULATION, spec, phantom.model_dump(mode="json")])
    folder = workspace.cohorts / f"{spec.replace(':', '-')}-{made}"
    with workspace.lock(folder, PATIENCE):
        if folder.is_dir() and not is_whole(folder, workspace.root, console):
            shutil.rmtree(folder)
        if not folder.is_dir():
            write_phantom(folder, phantom, console, finish=record_tree)
    return folder
