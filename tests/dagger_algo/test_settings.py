"""Settings that cannot mean anything are refused where they are made, by name."""

from collections.abc import Callable
from typing import Any

import pytest

from baselines.distillation import DistillationConfig
from baselines.expert_iteration import ExpertIterationConfig
from baselines.rft import RFTConfig
from baselines.rlvr import RLVRConfig
from baselines.sft import SFTConfig
from baselines.srft import SRFTConfig
from dagger_algo.dagger import DaggerConfig
from dagger_algo.errors import ConfigError
from dagger_algo.labels import Labels
from dagger_algo.oec import OECConfig
from dagger_algo.schedules import Beta
from dagger_algo.stages import Stage

FITTED = (DaggerConfig, SFTConfig, RFTConfig, SRFTConfig, ExpertIterationConfig, OECConfig)


@pytest.mark.parametrize("config", FITTED)
@pytest.mark.parametrize("name", ["rounds", "epochs"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_there_is_a_round_and_an_epoch_at_least(
    config: Callable[..., Any], name: str, value: float
) -> None:
    with pytest.raises(ConfigError, match=f"^{name} must be at least 1, not {value}$"):
        config(**{name: value})


@pytest.mark.parametrize("config", [DistillationConfig, RLVRConfig])
def test_so_it_is_where_the_student_is_evaluated_over_the_budget(
    config: Callable[..., Any],
) -> None:
    with pytest.raises(ConfigError, match=r"^evaluate must be at least 1, not 0$"):
        config(evaluate=0)


@pytest.mark.parametrize(
    ("config", "settings", "says"),
    [
        (DaggerConfig, {"patience": -1}, "patience must be at least 0, not -1"),
        (DaggerConfig, {"top_k": 0}, "top_k must be at least 1, not 0"),
        (DaggerConfig, {"keep": ("solidd",)}, "keep cannot be 'solidd'.*'solid'.*finished"),
        (DaggerConfig, {"loss": "mixed_k4"}, "loss cannot be 'mixed_k4'.*top_k_kl"),
        (DaggerConfig, {"stage_weights": {"Verify": 1.0}}, "stage_weights cannot be 'Verify'"),
        (DaggerConfig, {"stage_weights": {Stage.VERIFICATION: -1.0}}, "must be 0 or more, not -1"),
        (Beta, {"shape": "cosin"}, "beta.shape cannot be 'cosin'.*'cosine'.*constant"),
        (Labels, {"where": "gates"}, "labels.where cannot be 'gates'.*'gate'.*student"),
        (RFTConfig, {"keep": ("won",)}, "keep cannot be 'won'.*success"),
        (OECConfig, {"keep": ("won",)}, "keep cannot be 'won'.*success"),
        (SRFTConfig, {"masked": ("bad",)}, "masked cannot be 'bad'"),
    ],
)
def test_a_name_or_number_that_means_nothing_is_refused(
    config: Callable[..., Any], settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        config(**settings)
