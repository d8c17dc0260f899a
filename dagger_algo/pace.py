"""How many episodes may begin, so that those under way can end within a share of the budget."""

from collections.abc import Sequence
from statistics import fmean

from dagger_algo.ledger import Budget, Ledger


class Pace:
    """Holds back episodes that the share would cut short.

    Without it a share of 40 steps among 16 environments would be 16 beginnings, and a student that
    learns from them would never see how an episode ends. An episode is taken to be as long as those
    that ended before, and a step to cost as many of the teacher's tokens as it did so far; until
    one has ended nothing is known, and the first goes alone. Where none is under way one may
    always begin, so that a share is used up.

    lengths: turns of the episodes that came to their end, a list that grows as others do.
    """

    def __init__(self, ledger: Ledger, share: Budget, lengths: Sequence[int]) -> None:
        self._ledger, self._share, self._lengths = ledger, share, lengths

    def may_begin(self, running: Sequence[int], free: int) -> int:
        """How many of `free` places may be filled. running: turns that those under way have
        behind them."""
        alone = 0 if running else 1
        if not self._lengths:
            return min(free, alone)
        usual = max(1.0, fmean(self._lengths))
        left = self._steps_left() - sum(max(1.0, usual - turns) for turns in running)
        return min(free, max(int(left / usual), alone))

    def _steps_left(self) -> float:
        ledger, share = self._ledger, self._share
        steps = float(share.env_steps - ledger.env_steps)
        if ledger.env_steps and ledger.teacher_tokens:
            per_step = ledger.teacher_tokens / ledger.env_steps
            steps = min(steps, (share.teacher_tokens - ledger.teacher_tokens) / per_step)
        return steps
