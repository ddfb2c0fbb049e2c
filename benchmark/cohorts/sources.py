"""Where a cohort comes from: ``phantom`` or ``READER:PATH``."""

from collections.abc import Callable
from pathlib import Path

from benchmark.cohorts.phantom.dataset import write_phantom
from benchmark.cohorts.phantom.settings import PhantomSettings
from benchmark.cohorts.readers.bids.reader import read_bids
from benchmark.console import Console
from benchmark.errors import UserError, unknown
from benchmark.files import digest
from benchmark.settings import Settings, validate
from benchmark.visits import Cohort
from benchmark.workspace import Workspace

Reader = Callable[[Path, str], Cohort]

READERS: dict[str, Reader] = {"bids": read_bids}


def open_cohort(spec: str, settings: Settings, workspace: Workspace, console: Console) -> Cohort:
    """Read a cohort; the phantom is simulated into the workspace first, then read like any other.

    Args:
        spec: ``phantom`` or ``bids:PATH``.
        settings: The run's settings; the phantom takes its spacing from the grid.
        workspace: Where a simulated cohort is kept.
        console: For progress.

    Raises:
        UserError: An unknown source, a missing path, or what the reader refuses.
    """
    if spec == "phantom":
        return read_bids(_simulated(settings, workspace, console), spec)
    name, separator, path = spec.partition(":")
    if name not in READERS:
        raise unknown("cohort source", name, ["phantom", *READERS])
    if not separator or not path:
        raise UserError(f"cohort '{spec}': write it as {name}:PATH")
    return READERS[name](Path(path), spec)


def _simulated(settings: Settings, workspace: Workspace, console: Console) -> Path:
    own = settings.phantom
    if "spacing_mm" in own.model_fields_set and own.spacing_mm != settings.grid.spacing_mm:
        raise UserError(
            f"phantom.spacing_mm={own.spacing_mm}: a run simulates on its grid; "
            "set grid.spacing_mm instead"
        )
    values = {**settings.phantom.model_dump(), "spacing_mm": settings.grid.spacing_mm}
    phantom: PhantomSettings = validate(PhantomSettings, values, "phantom")
    folder = workspace.cohorts / f"phantom-{digest(phantom.model_dump(mode='json'))}"
    with workspace.lock(folder):
        if not folder.is_dir():
            write_phantom(folder, phantom, console)
    return folder
