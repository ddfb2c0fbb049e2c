from pathlib import Path

import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.settings.loading import as_overrides, load_settings, presets
from longibench.benchmark.settings.plugins import load_methods
from longibench.benchmark.settings.schema import PAPER_TEST_FRACTION
from longibench.benchmark.training.recipe import Recipe


@pytest.mark.parametrize("preset", presets())
def test_every_preset_is_valid_down_to_each_method(preset: str) -> None:
    settings = load_settings(preset)
    assert settings.preset == preset
    assert set(settings.methods) <= set(load_methods())
    for name in settings.methods:
        settings.training_of(name)
        assert Recipe.of(name, settings).values


def test_the_papers_values() -> None:
    settings = load_settings("paper")
    assert settings.split.test == PAPER_TEST_FRACTION == 114 / 1239
    assert settings.grid.shape == (128, 160, 128)
    ours, med_ddpm = settings.training_of("ours"), settings.training_of("med-ddpm")
    assert (ours.iterations, ours.batch_size, ours.learning_rate) == (300_000, 1, 1e-3)
    assert (med_ddpm.iterations, med_ddpm.batch_size, med_ddpm.ema.decay) == (100_000, 2, 0.995)


def test_paper_shared_gives_every_method_one_budget() -> None:
    settings = load_settings("paper-shared")
    ours = settings.training_of("ours")
    assert all(settings.training_of(name) == ours for name in settings.methods)


def test_an_override_holds_for_every_method_or_for_one() -> None:
    for_all = load_settings("paper", ["training.iterations=7"])
    assert {for_all.training_of(n).iterations for n in (*for_all.methods, "mine")} == {7}
    assert for_all.training_of("med-ddpm").learning_rate == 1e-5
    for_one = load_settings("paper", ["methods.vae.training.iterations=7"])
    assert for_one.training_of("vae").iterations == 7
    assert for_one.training_of("ours").iterations == 300_000
    both = load_settings("paper", ["training.iterations=7", "methods.vae.training.iterations=8"])
    assert (both.training_of("vae").iterations, both.training_of("ours").iterations) == (8, 7)


def test_an_override_replaces_no_more_than_it_names() -> None:
    ema = load_settings("paper", ["training.ema.decay=0.5"]).training_of("med-ddpm").ema
    assert (ema.decay, ema.every, ema.start) == (0.5, 10, 2000)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.iteration=5", "'training.iteration'.*Did you mean 'iterations'"),
        ("trainin.iterations=5", "'trainin'.*Did you mean 'training'"),
        ("grid.shpe=[1,2,3]", "'grid.shpe'.*Did you mean 'shape'"),
        ("phantom.groups.CN.shar=1", "'phantom.groups.CN.shar'.*Did you mean 'share'"),
        ("training.ema.decai=1", "'training.ema.decai'.*Did you mean 'decay'"),
        ("training.iterations=many", "'training.iterations'.*valid integer.*'many'"),
        ("training=5", "'training'"),
        ("methods=5", "'methods'"),
        ("methods.vae=5", "'methods.vae'"),
        ("pairs.rule=monthly", "'yearly' or 'all'"),
        ("seed=-1", "'seed'.*greater than or equal to 0"),
        ("grid.spacing_mm=0", "'grid.spacing_mm'"),
        ("split.folds=1", "'split': fold 0 of 1: there must be two folds"),
        ("split.validation=-1", "'split.validation.*greater than or equal to 0"),
        ("split.validation=1.5", "'split.validation': a fraction is between 0 and 1"),
        ("split.test=1.5", "'split.test': a fraction is between 0 and 1"),
        ("split.stratifi=group", "'split.stratifi'.*Did you mean 'stratify'"),
        ("seed=12345678901234567890123", "'seed'.*less than or equal to 9223372036854775807"),
        ("seed=true", "'seed': a number is needed .got True"),
        ("training.learning_rate=true", "'training.learning_rate': a number is needed .got True"),
        ("training.learning_rate=.inf", "'training.learning_rate'"),
        ("training.batch_size=100000000", "'training.batch_size'.*less than or equal to 4096"),
        ("device.threads=100000", "'device.threads'.*less than or equal to 1024"),
        ("grid.shape=[100000,8,8]", "'grid.shape.0'.*less than or equal to 1024"),
        ("grid.shape=[true,8,8]", "'grid.shape.0': a number is needed .got True"),
        ("grid.shape=[0,8,8]", "'grid.shape.0'"),
        ("grid.spacing_mm=1e9", "'grid.spacing_mm'"),
        ("phantom.groups.CN.age=[.nan,1]", "'phantom.groups.CN.age.0'"),
        ("phantom.groups.CN.ventricle_growth=[0,2]", "'phantom.groups.CN.ventricle_growth.0'"),
        ("phantom.groups={}", "'phantom.groups': needs a group"),
        ("phantom.groups.age.x=1", "unknown setting 'phantom.groups.age.x'.*Available: age"),
        ("preparation.percentiles=[99,1]", "'preparation.percentiles': needs two ascending"),
        ('cohort=""', "'cohort'"),
        ('test_cohort=""', "'test_cohort'"),
        ('split.key="a\\nb"', "'split.key': contains a character that cannot be printed"),
        ("split.test=0", "'split.test': a number of subjects is 1 or more"),
        ("split.test=-3", "'split.test': a number of subjects is 1 or more"),
        ("split.test=1.0", "'split.test': a fraction is between 0 and 1"),
        ("split.test=true", "'split.test': a number is needed"),
        ('split.test=""', "'split.test': a number of subjects, a fraction or a file"),
        ("training", "write it as key=value"),
        ("=5", "write it as key=value"),
        ("training.iterations=[1", "not valid YAML"),
    ],
)
def test_wrong_overrides_are_named(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_settings("demo", [override])


def test_several_problems_are_one_line() -> None:
    with pytest.raises(UserError) as error:
        load_settings("demo", ["seed=-1", "trainin.x=1", "grid.shape=[0,0,0]"])
    assert len(str(error.value).splitlines()) == 1
    assert str(error.value).count("; ") == 4


def test_an_option_is_not_given_twice() -> None:
    assert as_overrides({"seed": 1, "cohort": None}, ["split.test=2"]) == ["seed=1"]
    for override in ("pairs.rule=all", "pairs={rule: all}"):
        with pytest.raises(UserError, match=r"--set pairs.rule: it is also given as an option"):
            as_overrides({"pairs.rule": "yearly"}, [override])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("width=1000000000", "'methods.ours.width'.*less than or equal to 8192"),
        ("width=true", "'methods.ours.width': a number is needed"),
        ("unet.norm_groups=0", "'methods.ours.unet.norm_groups'"),
        ("unet={channels: [3, 6], attention: [no, no], norm_groups: 3}", "must be even"),
        (
            "diffusion.schedule={kind: linear, beta_start: 1e-12}",
            "over 1000 steps the share of the image",
        ),
        (
            "diffusion.schedule={kind: linear, beta_end: 0.999}",
            "over 1000 steps the share of the image",
        ),
        ("diffusion.schedule.steps=1000000", "'methods.ours.diffusion.schedule.steps'"),
        ("unet={channels: [], attention: []}", "'methods.ours.unet.channels'"),
        ("unet.channels=[1000000000]", "'methods.ours.unet.channels.0'"),
        ("unet.chanels=[1]", "'methods.ours.unet.chanels'.*Did you mean 'channels'"),
        ("width=wide", "'methods.ours.width'"),
        ("diffusion.sampler.steps=5000", r"sampler\.steps=5000 exceeds schedule\.steps=1000"),
    ],
)
def test_a_methods_own_settings_are_named_in_full(override: str, message: str) -> None:
    settings = load_settings("demo", [f"methods.ours.{override}"])
    with pytest.raises(UserError, match=message):
        Recipe.of("ours", settings)


def test_a_methods_training_is_a_section() -> None:
    with pytest.raises(UserError, match=r"'methods\.ours\.training': keys and values are needed"):
        load_settings("demo", ["methods.ours.training=5"]).training_of("ours")


def test_a_methods_training_settings_are_named_in_full() -> None:
    settings = load_settings("demo", ["methods.ours.training.iteration=5"])
    with pytest.raises(UserError, match=r"'methods\.ours\.training\.iteration'.*'iterations'"):
        settings.training_of("ours")


def test_splits_by_override() -> None:
    given = ["split.leave_out=site=023,041", "split.validation=0.1", "split.stratify=true"]
    split = load_settings("demo", given).split
    assert split.left_out == ("site", ("023", "041"))
    assert (split.validation, split.stratify) == (0.1, True)
    assert load_settings("demo", ["split.stratify=site"]).split.stratify == "site"
    assert load_settings("demo").split.left_out == ("", ())


def test_splits_that_contradict_say_what_to_drop() -> None:
    with pytest.raises(UserError, match=r"'split': folds and one value left out.*drop one"):
        load_settings("demo", ["split.folds=5", "split.leave_out=site=023"])


def test_a_file_of_the_user(tmp_path: Path) -> None:
    base, mine = tmp_path / "base.yaml", tmp_path / "mine.yaml"
    base.write_text("extends: demo\nseed: 3\ntraining: {iterations: 9}\n")
    mine.write_text("extends: base.yaml\nseed: 4\nmethods:\n  my-method: {width: 2}\n")
    settings = load_settings(str(mine), ["pairs.rule=all"])
    assert (settings.preset, settings.seed, settings.training.iterations) == ("mine", 4, 9)
    assert settings.own_of("my-method") == {"width": 2}
    assert settings.grid == load_settings("demo").grid
    assert settings.pairs.rule == "all"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: [", "not valid YAML"),
        ("- 1\n- 2\n", "expected keys and values"),
        ("extends: demoo\n", "unknown preset 'demoo'.*Did you mean 'demo'"),
        ("extends: mine.yaml\n", "extends itself"),
        ("extends: other.yaml\n", "no such preset file"),
        ("seed: 1\n", "'grid' is missing"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        load_settings(str(path))


def test_unknown_presets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown preset 'dmeo'.*Did you mean 'demo'"):
        load_settings("dmeo")
    with pytest.raises(UserError, match="no such preset file"):
        load_settings(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("training.explosion=5", "'training.explosion' is now called 'training.divergence_factor'"),
        ("device.recompute=1", "'device.recompute' is now called 'device.activation_checkpoint"),
        ("methods.vae.training.explosion=5", "is now called 'training.divergence_factor'"),
    ],
)
def test_a_setting_of_an_earlier_version_is_refused_with_its_new_name(old: str, new: str) -> None:
    with pytest.raises(UserError, match=new):
        load_settings("demo", [old]).training_of("vae")
