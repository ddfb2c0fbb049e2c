"""Metrics from settings: what each setting changes, and which one an error names."""

import pytest

from longibench.benchmark.core.errors import UserError
from longibench.benchmark.protocol.metric_identity import identify
from longibench.benchmark.protocol.protocol_metrics import build_metrics
from longibench.benchmark.settings.schema import DEFAULT_METRICS, MetricSettings
from longibench.metrics.metric import Metric


def built(**settings: object) -> dict[str, Metric]:
    metrics = build_metrics(MetricSettings.model_validate(settings))
    return {metric.name: metric for metric in metrics}


@pytest.mark.parametrize("names", [("brain-change-error",), ("ssim",)])
@pytest.mark.parametrize(
    ("segmentation", "why"),
    [
        ("medicalnet:50", "'medicalnet:50' does not segment brains; use embedded or embedded:1"),
        ("embedded-random:0", "'embedded-random:0' does not segment brains; use embedded or"),
        ("embedded:9", "there is no embedded:9; there are embedded:1, embedded:2"),
        ("embeded", "'embeded' does not segment brains; use embedded or embedded:1"),
    ],
)
def test_a_wrong_segmentation_is_named_with_its_setting(
    segmentation: str, why: str, names: tuple[str, ...]
) -> None:
    with pytest.raises(UserError) as error:
        built(names=names, segmentation=segmentation)
    assert str(error.value).startswith(f"metrics.segmentation: {why}")


@pytest.mark.parametrize("extractor", ["embedded:9", "medicalnet:51", "embeded"])
def test_a_wrong_extractor_is_named_with_its_setting(extractor: str) -> None:
    with pytest.raises(UserError, match=r"^metrics\.extractor: "):
        built(names=("ssim",), extractor=extractor)


def test_the_segmentation_defines_what_it_measures_and_nothing_else() -> None:
    plain, older = built(), built(segmentation="embedded:1")
    changed = {
        name
        for name in DEFAULT_METRICS
        if identify(plain[name]).definition != identify(older[name]).definition
    }
    assert changed == {name for name in DEFAULT_METRICS if plain[name].uses_segmentation}
    assert changed


def test_titles_name_the_version() -> None:
    names = ("fid", "ventricles-change-error")
    newest = built(names=names)
    assert newest["fid"].title == "FID [embedded anatomy v2, d=240]"
    title = "Ventricles, relative error of total change"
    assert newest["ventricles-change-error"].title == f"{title} [embedded segmentation v2]"
    older = built(names=names, extractor="embedded:1", segmentation="embedded:1")
    assert older["fid"].title == "FID [embedded anatomy v1, d=256]"
    assert older["ventricles-change-error"].title == f"{title} [embedded segmentation v1]"
