"""Typed settings of a run: a preset, the user's overrides, and errors that name the nearest key."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from longibench.benchmark.core.grid import Grid
from longibench.benchmark.settings.messages import validate
from longibench.benchmark.settings.phantom import PhantomSettings
from longibench.benchmark.settings.preparation import PreparationSettings

Logger = Literal["csv", "tensorboard", "mlflow", "wandb"]

PAPER_TEST_FRACTION = 114 / 1239  # section IV.A: 1,125 of 1,239 participants train
DEFAULT_METRICS = (
    # do they look real
    *("fid", "fid-infinity", "kid"),
    # do they look like the true follow-up
    *("ssim", "ssim-head", "ssim-skimage", "ms-ssim", "psnr-head", "mae-head", "ncc-head"),
    *("perceptual", "sharpness"),
    # do they change as it did
    *("skill-head", "change-correlation", "change-sign"),
    *("ventricles-bias", "ventricles-error", "ventricles-correlation"),
    *("brain-bias", "brain-error", "brain-correlation"),
    "monotonicity",
)


class Section(BaseModel):
    """A part of the settings: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitSettings(Section):
    """Which subjects are held out; every choice is by a keyed hash of the id, never by order.

    Under a fraction or folds, nobody moves when the cohort grows; under a number of subjects or
    ``stratify``, which go by rank, a few do.

    Attributes:
        test: A fraction (those whose hash lies below it), a whole number of subjects (those of
            lowest hash), or a CSV/TSV file with the columns ``subject`` and ``partition`` (train,
            validation or test). A number gives way to ``folds`` and ``leave_out``.
        key: Key of the hash; another key is another split.
        validation: A fraction or a number of the training part, set apart to choose by; it never
            changes who is evaluated.
        stratify: A column of the subjects, each level of which gives its share to within one
            subject; ``true`` means ``group``. Who has no value is a level too.
        folds: Into how many folds everyone is divided; 0 for none.
        fold: Which of them is held out, counted from 0.
        leave_out: ``column=value,value``, such as ``site=023,041``: who has one of the values at
            any visit is evaluated, the others train.
    """

    test: int | float | str = PAPER_TEST_FRACTION
    key: str = "longibench"
    validation: int | float = Field(0, ge=0)
    stratify: bool | str = False
    folds: int = Field(0, ge=0)
    fold: int = Field(0, ge=0)
    leave_out: str = ""

    @property
    def left_out(self) -> tuple[str, tuple[str, ...]]:
        """Column and values of ``leave_out``; empty where nothing is left out."""
        column, _, listed = self.leave_out.partition("=")
        return column.strip(), tuple(value.strip() for value in listed.split(",") if value.strip())

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
        tolerance_years: How far from the whole year a scan may lie.
        most: How many whole years at most.
    """

    rule: Literal["yearly", "all"] = "yearly"
    tolerance_years: float = Field(0.25, gt=0, lt=0.5)
    most: int = Field(5, ge=1)


class EMASettings(Section):
    """Exponential moving average of the weights, used to generate; decay 0 switches it off.

    Attributes:
        decay: Share of the old average kept at a training step.
        every: Iterations between two steps of the average.
        start: Until this iteration the average is a copy.
    """

    decay: float = Field(0.0, ge=0, lt=1)
    every: int = Field(1, ge=1)
    start: int = Field(0, ge=0)


class ValidationSettings(Section):
    """Validation during training, on the split's validation part.

    Attributes:
        every: Iterations between validations; 0 for none.
        pairs: How many pairs the validation loss is the mean of.
        pictures: How many of them are also generated and drawn as a picture; 0 for none.
    """

    every: int = Field(0, ge=0)
    pairs: int = Field(16, ge=1)
    pictures: int = Field(0, ge=0)


class TrainingSettings(Section):
    """How a method is trained.

    Attributes:
        iterations: Training steps in all.
        batch_size: Pairs an optimizer step, over all devices and micro-batches.
        micro_batch: Pairs a forward pass on one device; 0 for as many as fit its memory. Gradients
            of a larger batch are accumulated, which changes memory and speed only.
        learning_rate: Fixed rate of the optimizer.
        ema: Averaging of the weights.
        checkpoint_every: Iterations between checkpoints.
        keep: Checkpoints kept.
        workers: Processes that read volumes; 0 reads in a thread of the training process.
        validation: Loss and generated samples during training.
        divergence_factor: Training stops where the loss exceeds this many times its running
            median; 0 for never. A loss that is not a number always stops it.
        restarts: How often training goes on by itself from the last good checkpoint after such a
            stop, with other noise.
        loggers: Where losses go besides the checkpoint.
    """

    iterations: int = Field(ge=1)
    batch_size: int = Field(1, ge=1)
    micro_batch: int = Field(0, ge=0)
    learning_rate: float = Field(1e-3, gt=0)
    ema: EMASettings = EMASettings()
    checkpoint_every: int = Field(1000, ge=1)
    keep: int = Field(2, ge=1)
    workers: int = Field(0, ge=0)
    validation: ValidationSettings = ValidationSettings()
    divergence_factor: float = Field(1000.0, ge=0)
    restarts: int = Field(0, ge=0)
    loggers: tuple[Logger, ...] = ("csv",)

    def identity(self) -> dict[str, Any]:
        """What the trained weights depend on: neither memory, nor speed, nor what is monitored."""
        return self.model_dump(include={"iterations", "batch_size", "learning_rate", "ema"})


class GenerationSettings(Section):
    """How many volumes are generated a pair, and how many at once (which changes nothing)."""

    samples: int = Field(1, ge=1)
    batch_size: int = Field(4, ge=1)


class MetricSettings(Section):
    """Which metrics are computed, and what they measure with.

    Attributes:
        names: Registered metrics; ``python cli.py metrics`` lists them.
        extractor: Weights of the feature extractor, such as ``embedded`` or ``medicalnet:50``; see
            ``metrics.weights.parse``.
        input: How volumes are presented to it, such as ``as-is``, ``wdm``; see
            ``metrics.conventions``.
    """

    names: tuple[str, ...] = DEFAULT_METRICS
    extractor: str = "embedded"
    input: str = "as-is"


class EvaluationSettings(Section):
    """How volumes are scored; changes no value.

    Attributes:
        workers: Volumes scored side by side; 0 takes one a core.
    """

    workers: int = Field(0, ge=0)


class DeviceSettings(Section):
    """Where the work runs (Lightning Fabric), and how fast.

    Only the precision that is used, TF32 included, is part of what a result depends on: the rest
    changes speed and memory, and a result by the rounding of its arithmetic at most.

    Attributes:
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        devices: How many on this machine; more than one trains and generates in parallel.
        num_nodes: Machines; more than one are started by ``torchrun`` or SLURM.
        precision: ``auto``: bf16 mixed on a GPU that has it, else float32.
        threads: CPU threads; 0 leaves torch's choice.
        compile: ``torch.compile`` of a method's networks; ``auto`` on a GPU where it measures
            faster.
        fused: The optimizer step in one kernel.
        channels_last: Memory format of weights and activations.
        keep_memory: On a CPU, memory that a step frees is kept for the next one.
        tf32: Tensor cores for what is left in float32 on a GPU.
        activation_checkpointing: Resolution levels of a network, finest first, whose activations
            are computed again in the backward pass instead of kept; ``auto``: as few as fit.
        memory_gb: Memory to plan for; 0 for what the device has.
    """

    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int = Field(1, ge=1)
    num_nodes: int = Field(1, ge=1)
    precision: Literal["auto", "32-true", "bf16-mixed", "64-true"] = "auto"
    threads: int = Field(0, ge=0)
    compile: Literal["auto", "on", "off"] = "auto"
    fused: bool = True
    channels_last: bool = True
    keep_memory: bool = True
    tf32: bool = True
    activation_checkpointing: Literal["auto"] | Annotated[int, Field(ge=0)] = "auto"
    memory_gb: float = Field(0.0, ge=0)


class RaySettings(Section):
    """Cells on a Ray cluster; changes no value.

    Attributes:
        retries: How often a cell is taken up again after its worker died.
        cpus: CPU cores a cell; 0 shares the cluster's out among the cells, or takes
            ``device.threads``.
    """

    retries: int = Field(3, ge=0)
    cpus: int = Field(0, ge=0)


class SlurmSettings(Section):
    """The head of a SLURM script; changes no value.

    Attributes:
        hours: Limit of one cell; what does not end within it continues in the next job.
        partition: Where to queue; empty for the cluster's default.
        gres: Devices a node, such as ``gpu:4``.
        cpus: CPU cores a device; 0 leaves the cluster's default.
        memory_gb: Of a node; 0 for the cluster's default.
        at_once: Most cells that run at a time; 0 for no limit.
        warning: Seconds before the time limit at which a cell is signalled to save.
        extra: Further options, such as ``--account=mine``.
        setup: Lines of shell before the work, such as ``module load cuda``.
    """

    hours: float = Field(24, gt=0)
    partition: str = ""
    gres: str = ""
    cpus: int = Field(0, ge=0)
    memory_gb: int = Field(0, ge=0)
    at_once: int = Field(0, ge=0)
    warning: int = Field(300, ge=1)
    extra: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()


class Settings(Section):
    """Everything that a run is determined by.

    Attributes:
        preset: Name of the preset that these settings started from.
        cohort: ``phantom``, ``READER:PATH`` or ``auto:PATH``: trains, and is evaluated without
            ``test_cohort``.
        test_cohort: A cohort to evaluate on instead, whole.
        test_pairs: How the test cohort is paired, where not as ``pairs`` says: another study has
            other visits, and models trained under ``pairs`` need not be trained again.
        seed: Run seed: network initialisation, order of the data, noise of the samples.
        readers: Per reader, its own settings.
        methods: Per method, ``training`` overrides and the method's own settings.
    """

    preset: str
    cohort: str = "phantom"
    test_cohort: str | None = None
    seed: int = Field(0, ge=0)
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

    def training_of(self, method: str) -> TrainingSettings:
        """Training settings of one method: the shared ones, and its own on top.

        Raises:
            UserError: An unknown key or a wrong type, named with its full path.
        """
        own = self.methods.get(method, {}).get("training", {})
        merged = merge(self.training.model_dump(), own)
        return validate(TrainingSettings, merged, f"methods.{method}.training")

    def own_of(self, method: str) -> dict[str, Any]:
        """A method's own settings, unchecked: its class lives beside the method."""
        entry = self.methods.get(method, {})
        return {key: value for key, value in entry.items() if key != "training"}


def merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Settings with others on top: of two mappings the keys, of anything else the second."""
    merged = dict(base)
    for key, value in top.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if nested else value
    return merged
