"""Typed settings of a run: a preset, the user's overrides, and errors that name the nearest key."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from longibench.benchmark.core.grid import Grid
from longibench.benchmark.settings.limits import (
    MOST_AT_ONCE,
    MOST_FACTOR,
    MOST_FOLDS,
    MOST_GB,
    MOST_HOURS,
    MOST_ITERATIONS,
    MOST_NODES,
    MOST_PARALLEL,
    MOST_RATE,
    MOST_RETRIES,
    MOST_SAMPLES,
    MOST_SEED,
    MOST_YEARS,
)
from longibench.benchmark.settings.messages import validate
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.preparation import PreparationSettings

Parallel = Annotated[int, Field(ge=0, le=MOST_PARALLEL)]  # threads or processes; 0: a default
Iterations = Annotated[int, Field(ge=0, le=MOST_ITERATIONS)]
Logger = Literal["csv", "tensorboard", "mlflow", "wandb"]

PAPER_TEST_FRACTION = 114 / 1239  # section IV.A: 1,125 of 1,239 participants train
DEFAULT_METRICS = (
    # do they look real?
    *("fid", "fid-mean", "fid-covariance", "fid-random", "fid-infinity", "kid"),
    # do they look like the true follow-up?
    *("ssim", "ssim-head", "ssim-skimage", "ms-ssim", "psnr-head", "mae-head", "ncc-head"),
    *("perceptual", "sharpness"),
    # do they change as it did?
    *("skill-head", "change-correlation", "change-sign"),
    *("ventricles-change-error", "ventricles-change-error-ml"),
    *("ventricles-slope-ratio", "ventricles-intercept", "ventricles-slope-correlation"),
    *("brain-change-error", "brain-change-error-ml"),
    *("brain-slope-ratio", "brain-intercept", "brain-slope-correlation"),
    # do they change as the simulated anatomy did? only where it was simulated
    *("truth-skill", "truth-auroc", "truth-rank", "truth-ventricles", "truth-brain"),
)


class Section(BaseModel):
    """A part of the settings: unknown keys are refused, values are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitSettings(Section):
    """Which subjects are held out; every choice is by a keyed hash of the id, never by order.

    With a fraction or folds, no subject changes its part when the cohort grows; with a number of
    subjects or ``stratify``, which use ranks, a few do.

    Attributes:
        test: A fraction (subjects whose hash is below it), a whole number of subjects (those with
            the lowest hash), or a CSV/TSV file with the columns ``subject`` and ``partition``
            (train, validation or test). ``folds`` and ``leave_out`` override a number.
        key: Key of the hash; another key is another split.
        validation: A fraction or a number of subjects of the training part, held out for model
            selection; it never changes which subjects are evaluated.
        stratify: A column of the subjects, each level of which contributes its share to within one
            subject; ``true`` means ``group``. A missing value is a level too.
        folds: Number of folds that all subjects are divided into; 0 for none.
        fold: Which of them is held out, counted from 0.
        leave_out: ``column=value,value``, such as ``site=023,041``: subjects with one of the values
            at any visit are evaluated, the others train.
    """

    test: int | float | str = PAPER_TEST_FRACTION
    key: str = "longibench"
    validation: int | float = Field(0, ge=0)
    stratify: bool | str = False
    folds: int = Field(0, ge=0, le=MOST_FOLDS)
    fold: int = Field(0, ge=0, le=MOST_FOLDS)
    leave_out: str = ""

    @property
    def left_out(self) -> tuple[str, tuple[str, ...]]:
        """Column and values of ``leave_out``; empty if nothing is left out."""
        column, _, listed = self.leave_out.partition("=")
        return column.strip(), tuple(value.strip() for value in listed.split(",") if value.strip())

    @field_validator("test", "validation")
    @classmethod
    def _a_share(cls, amount: int | float | str, info: ValidationInfo) -> int | float | str:
        """The rest depends on the cohort; see ``protocol.splits``."""
        if info.field_name == "validation" and amount == 0:
            return amount
        if isinstance(amount, str) and not amount:
            raise ValueError("a number of subjects, a fraction or a file")
        if isinstance(amount, int) and amount < 1:
            raise ValueError("a number of subjects is 1 or more")
        if isinstance(amount, float) and not 0 < amount < 1:
            raise ValueError("a fraction is between 0 and 1, both excluded")
        return amount

    @model_validator(mode="after")
    def _agree(self) -> "SplitSettings":
        others = [f"split.{name}" for name in ("folds", "leave_out") if getattr(self, name)]
        if isinstance(self.test, str) and others:
            raise ValueError(f"the file split.test={self.test} decides: drop {others[0]}")
        if len(others) > 1:
            raise ValueError("folds and one value left out are two splits: drop one of them")
        if self.leave_out and not all(self.left_out):
            raise ValueError("write leave_out as column=value,value, such as site=023,041")
        if self.folds == 1 or (self.fold and self.fold >= self.folds):
            raise ValueError(
                f"fold {self.fold} of {self.folds}: there must be two folds or more, counted from 0"
            )
        if self.stratify and not self.validation and (self.leave_out or isinstance(self.test, str)):
            raise ValueError("no subject is selected by hash, nothing to stratify: drop stratify")
        return self


class PairSettings(Section):
    """Which follow-ups are paired with the first visit.

    Attributes:
        rule: ``yearly``: the scan nearest each whole year; ``all``: every later scan.
        tolerance_years: How far from the whole year a scan may be.
        most: Largest number of whole years.
    """

    rule: Literal["yearly", "all"] = "yearly"
    tolerance_years: float = Field(0.25, gt=0, lt=0.5)
    most: int = Field(5, ge=1, le=MOST_YEARS)


class EMASettings(Section):
    """Exponential moving average of the weights, used to generate; decay 0 switches it off.

    Attributes:
        decay: Share of the old average kept at a training step.
        every: Iterations between two steps of the average.
        start: Until this iteration the average is a copy.
    """

    decay: float = Field(0.0, ge=0, lt=1)
    every: int = Field(1, ge=1, le=MOST_ITERATIONS)
    start: Iterations = 0


class ValidationSettings(Section):
    """Validation during training, on the split's validation part.

    Attributes:
        every: Iterations between validations; 0 for none.
        pairs: How many pairs the validation loss is the mean of.
        pictures: How many of them are also generated and shown in a figure; 0 for none.
    """

    every: Iterations = 0
    pairs: int = Field(16, ge=1, le=MOST_SAMPLES)
    pictures: int = Field(0, ge=0, le=MOST_AT_ONCE)


class TrainingSettings(Section):
    """How a method is trained.

    Attributes:
        iterations: Total number of training steps.
        batch_size: Pairs per optimizer step, over all devices and micro-batches.
        micro_batch: Pairs per forward pass on one device; 0 for as many as fit its memory.
            Gradients of a larger batch are accumulated, which changes memory and speed only.
        learning_rate: Fixed rate of the optimizer.
        ema: Averaging of the weights.
        checkpoint_every: Iterations between checkpoints.
        keep: Checkpoints kept.
        workers: Processes that read volumes; 0 reads in a thread of the training process.
        validation: Loss and generated samples during training.
        divergence_factor: Training stops where the loss exceeds this many times its running
            median; 0 for never. A loss that is not a number always stops it.
        restarts: How often training resumes automatically from the last good checkpoint after this
            kind of stop, with different noise.
        loggers: Where losses are logged in addition to the checkpoint.
    """

    iterations: int = Field(ge=1, le=MOST_ITERATIONS)
    batch_size: int = Field(1, ge=1, le=MOST_AT_ONCE)
    micro_batch: int = Field(0, ge=0, le=MOST_AT_ONCE)
    learning_rate: float = Field(1e-3, gt=0, le=MOST_RATE)
    ema: EMASettings = EMASettings()
    checkpoint_every: int = Field(1000, ge=1, le=MOST_ITERATIONS)
    keep: int = Field(2, ge=1, le=MOST_ITERATIONS)
    workers: Parallel = 0
    validation: ValidationSettings = ValidationSettings()
    divergence_factor: float = Field(1000.0, ge=0, le=MOST_FACTOR)
    restarts: int = Field(0, ge=0, le=MOST_RETRIES)
    loggers: tuple[Logger, ...] = ("csv",)

    def identity(self) -> dict[str, Any]:
        """What the trained weights depend on: neither memory, nor speed, nor what is monitored."""
        return self.model_dump(include={"iterations", "batch_size", "learning_rate", "ema"})


class GenerationSettings(Section):
    """How many volumes are generated per pair, and how many at once (which changes no result)."""

    samples: int = Field(1, ge=1, le=MOST_SAMPLES)
    batch_size: int = Field(4, ge=1, le=MOST_AT_ONCE)


class MetricSettings(Section):
    """Which metrics are computed, and what they measure with.

    Attributes:
        names: Registered metrics; ``python cli.py metrics`` lists them. Of the default ones those
            of the family "truth" are left out where nothing was simulated.
        extractor: Weights of the feature extractor, such as ``embedded`` or ``medicalnet:50``; see
            ``metrics.weights.parse``.
        input: How volumes are presented to it, such as ``as-is``, ``wdm``; see
            ``metrics.conventions``.
        segmentation: Version of the embedded network that measures volumes of tissue: ``embedded``
            is the newest, ``embedded:1`` makes old tables again.
    """

    names: tuple[str, ...] = DEFAULT_METRICS
    extractor: str = "embedded"
    input: str = "as-is"
    segmentation: str = "embedded"


class EvaluationSettings(Section):
    """How volumes are scored; changes no result.

    Attributes:
        workers: Volumes scored in parallel; 0 means one per core.
    """

    workers: Parallel = 0


class DeviceSettings(Section):
    """Where the work runs (Lightning Fabric), and how fast.

    Only the precision that is used, TF32 included, is part of what a result depends on: the rest
    changes speed and memory, and a result by rounding errors at most.

    Attributes:
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        devices: Number of devices on this machine; several train and generate in parallel.
        num_nodes: Number of machines; several are started by ``torchrun`` or SLURM.
        precision: ``auto``: bf16 mixed on a GPU that supports it, else float32.
        threads: CPU threads; 0 for torch's default.
        compile: ``torch.compile`` of a method's networks; ``auto``: on a GPU if it is
            measured to be faster.
        fused: The optimizer step in one kernel.
        channels_last: Memory format of weights and activations.
        keep_memory: On a CPU, memory that a step frees is kept for the next one.
        tf32: Tensor cores for the remaining float32 operations on a GPU.
        activation_checkpointing: Resolution levels of a network, finest first, whose activations
            are computed again in the backward pass instead of kept; ``auto``: as few as necessary.
        memory_gb: Memory to plan for; 0 for what the device has.
    """

    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int = Field(1, ge=1, le=MOST_PARALLEL)
    num_nodes: int = Field(1, ge=1, le=MOST_NODES)
    precision: Literal["auto", "32-true", "bf16-mixed", "64-true"] = "auto"
    threads: Parallel = 0
    compile: Literal["auto", "on", "off"] = "auto"
    fused: bool = True
    channels_last: bool = True
    keep_memory: bool = True
    tf32: bool = True
    activation_checkpointing: Literal["auto"] | Parallel = "auto"
    memory_gb: float = Field(0.0, ge=0, le=MOST_GB)


class RaySettings(Section):
    """Cells on a Ray cluster; changes no result.

    Attributes:
        retries: How often a cell is resumed after its worker died.
        cpus: CPU cores per cell; 0 divides the cluster's cores among the cells, or takes
            ``device.threads``.
    """

    retries: int = Field(3, ge=0, le=MOST_RETRIES)
    cpus: Parallel = 0


class SlurmSettings(Section):
    """The header of a SLURM script; changes no result.

    Attributes:
        hours: Time limit of one cell; unfinished work continues in the next job.
        partition: Partition; empty for the cluster's default.
        gres: Devices per node, such as ``gpu:4``.
        cpus: CPU cores per device; 0 for the cluster's default.
        memory_gb: Memory per node; 0 for the cluster's default.
        at_once: Largest number of cells that run at a time; 0 for no limit.
        warning: Seconds before the time limit at which a cell is signalled to save.
        extra: Further options, such as ``--account=mine``.
        setup: Lines of shell before the work, such as ``module load cuda``.
    """

    hours: float = Field(24, gt=0, le=MOST_HOURS)
    partition: str = ""
    gres: str = ""
    cpus: Parallel = 0
    memory_gb: int = Field(0, ge=0, le=MOST_GB)
    at_once: int = Field(0, ge=0, le=MOST_NODES)
    warning: int = Field(300, ge=1, le=3600 * MOST_HOURS)
    extra: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()


class Settings(Section):
    """Everything that determines a run.

    Attributes:
        preset: Name of the preset that these settings started from.
        cohort: ``phantom``, ``READER:PATH`` or ``auto:PATH``: for training, and for evaluation
            without ``test_cohort``.
        test_cohort: A cohort to evaluate on instead, as a whole.
        test_pairs: How the test cohort is paired if not by ``pairs``: another study has other
            visits, and models trained under ``pairs`` need not be trained again.
        seed: Run seed: network initialisation, order of the data, noise of the samples.
        readers: Per reader, its own settings.
        methods: Per method, ``training`` overrides and the method's own settings.
        reference_rows: Whether every run also computes the rows that show what a score rewards:
            copies of the source, forecasts of volumes and, where the truth is known, oracles.
    """

    preset: str
    cohort: str = Field("phantom", min_length=1)
    test_cohort: str | None = Field(None, min_length=1)
    seed: int = Field(0, ge=0, le=MOST_SEED)
    grid: Grid
    phantom: PhantomSettings = PhantomSettings()
    readers: dict[str, dict[str, Any]] = Field(default_factory=dict)
    preparation: PreparationSettings = PreparationSettings()
    split: SplitSettings = SplitSettings()
    pairs: PairSettings = PairSettings()
    test_pairs: PairSettings | None = None
    training: TrainingSettings
    generation: GenerationSettings = GenerationSettings()
    metrics: MetricSettings = MetricSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    device: DeviceSettings = DeviceSettings()
    ray: RaySettings = RaySettings()
    slurm: SlurmSettings = SlurmSettings()
    methods: dict[str, dict[str, Any]] = Field(default_factory=dict)
    reference_rows: bool = True

    def training_of(
        self, method: str, defaults: Mapping[str, Any] = MappingProxyType({})
    ) -> TrainingSettings:
        """Training settings of one method: the shared ones, its defaults and its own on top.

        Args:
            method: Its name.
            defaults: Its class's ``training_defaults``; ``Recipe.training`` has them.

        Raises:
            UserError: An unknown key or a wrong type, named with its full path.
        """
        own = self.methods.get(method, {}).get("training", {})
        shared = merge(self.training.model_dump(), dict(defaults))
        merged = merge(shared, own) if isinstance(own, dict) else own
        return validate(TrainingSettings, merged, f"methods.{method}.training")

    def own_of(self, method: str) -> dict[str, Any]:
        """A method's own settings, not validated: their class is defined with the method."""
        entry = self.methods.get(method, {})
        return {key: value for key, value in entry.items() if key != "training"}


def merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Merge settings: two mappings are merged by key, otherwise ``top`` replaces ``base``."""
    merged = dict(base)
    for key, value in top.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if nested else value
    return merged
