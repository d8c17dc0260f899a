"""How many training seeds a difference asks for."""

from collections.abc import Sequence

import numpy as np
from scipy import optimize, stats

MOST = 10_000


def seeds_needed(
    differences: Sequence[float], power: float = 0.8, level: float = 0.05
) -> int | None:
    """The fewest seeds with which a paired t-test would show a difference of this size in a share
    `power` of repetitions, if runs differ as much as these did.

    differences: one per seed, method minus method. The mean and standard deviation that it goes by
    are themselves estimates, so it is an order of magnitude where there are few seeds. None below
    two seeds, and where the difference is so small that 10,000 seeds would not do.
    """
    values = np.asarray(differences, float)
    if len(values) < 2 or values.mean() == 0.0:
        return None
    spread = float(values.std(ddof=1))
    if abs(float(values.mean())) > 20 * spread:  # two show it, and scipy's tails give out
        return 2
    effect = abs(float(values.mean())) / spread

    def lacking(seeds: float) -> float:
        return power - paired_power(effect, seeds, level)

    if lacking(MOST) > 0:
        return None
    if lacking(2) <= 0:
        return 2
    return int(np.ceil(round(float(optimize.brentq(lacking, 2, MOST)), 6)))


def paired_power(effect: float, seeds: float, level: float = 0.05) -> float:
    """Power of the two-sided paired t-test at a mean of `effect` standard deviations: the
    non-central t distribution's mass beyond the critical value."""
    critical = stats.t.ppf(1 - level / 2, seeds - 1)
    shift = effect * np.sqrt(seeds)
    upper = stats.nct.sf(critical, seeds - 1, shift)
    # scipy gives nan far out in the lower tail, where there is nothing.
    lower = np.nan_to_num(stats.nct.cdf(-critical, seeds - 1, shift))
    return float(upper + lower)
