"""The knobs that all toys share, by the same names and with the same meaning."""

from collections.abc import Sequence
from dataclasses import dataclass

from swe_gym_env.errors import OptionError
from swe_gym_env.toys.common import at_least, split_offset


@dataclass(frozen=True)
class Knobs:
    """What every toy can be told besides its own options.

    Raises:
        OptionError: one is out of range.
    """

    split: str = "train"
    """Tasks: "train" or "heldout": disjoint tasks, the same table of right words."""
    expert: bool = False
    """Put `expert_action` into info."""
    table_seed: int = 0
    """Of the table that says which word is right at which cue."""
    slip: float = 0.0
    """Probability that the environment executes another word than the one said (any other,
    equally likely), and says so. Noise: no policy is safe from it."""
    reward: str = "sparse"
    """What is paid. "sparse": 1.0 on reaching the goal, else 0. "progress": for every turn the
    share of the way that it gained, and -1 at the end of an episode that ends short of the goal; so
    the return is 1.0 at the goal, and otherwise minus the share of the way that was left. Either
    way a positive return means that the goal was reached."""
    expert_error: float = 0.0
    """Probability that the expert names a wrong word, any equally likely; drawn anew for each turn
    of each task, so that asking again gives the same answer, and two right ones outvote a wrong."""
    expert_sees: str = "all"
    """Either "all", or the part of the state that the expert knows, of those that the toy offers:
    the same error comes again whenever the state does, and no number of labels outvotes it."""

    def __post_init__(self) -> None:
        split_offset(self.split)
        at_least(0, table_seed=self.table_seed)
        for name in ("slip", "expert_error"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise OptionError(f"{name} must be a probability, from 0 to 1, not {value!r}")
        if self.reward not in ("sparse", "progress"):
            raise OptionError(f'reward must be "sparse" or "progress", not {self.reward!r}')

    def check_sight(self, parts: Sequence[str]) -> None:
        """OptionError unless `expert_sees` is "all" or one of `parts`."""
        if self.expert_sees not in ("all", *parts):
            known = ", ".join(f'"{part}"' for part in ("all", *parts))
            raise OptionError(f"expert_sees must be one of {known}, not {self.expert_sees!r}")
