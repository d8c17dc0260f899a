"""The pool's threads: for environments that wait, and not for those that do not."""

import threading
import time
from typing import Any

import gymnasium as gym

from dagger_algo.env_pool import EnvPool


class Sleeper(gym.Env[str, str]):
    """Takes as many seconds for a step as the action says, and tells which thread it was."""

    action_space = observation_space = gym.spaces.Text(1_000)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        return f"seed {seed}", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if float(action):
            time.sleep(float(action))
        return action, 0.0, False, False, {"thread": threading.current_thread()}


def test_environments_that_wait_do_so_together_and_quick_ones_need_no_thread() -> None:
    here = threading.current_thread()
    with EnvPool(Sleeper, 4) as pool:
        assert [text for text, _ in pool.reset([2, 0], [7, 8])] == ["seed 7", "seed 8"]
        pool.reset([1, 3], [9, 10])

        def threads(*seconds: str) -> set[threading.Thread]:
            slots = range(len(seconds))
            steps = pool.step(slots, seconds)
            assert [step[0] for step in steps] == list(seconds)  # in the order of the slots
            return {step[4]["thread"] for step in steps}

        threads("0.02", "0.01", "0", "0.03")
        waiting = threads("0.3", "0.3", "0.3", "0.3")
        assert here not in waiting
        assert len(waiting) == 4
        # More than once, for on a busy machine even nothing may take a while.
        assert any(threads("0", "0", "0", "0") == {here} for _ in range(50))
        threads("0", "0.1", "0", "0")  # found out only now, and not called so again
        assert here not in threads("0", "0.1", "0", "0")


def test_no_calls_change_nothing() -> None:
    with EnvPool(Sleeper, 1) as pool:
        assert pool.step([], []) == []
        assert pool.reset([0], [1]) == [("seed 1", {})]
