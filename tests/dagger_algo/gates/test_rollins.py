"""Gates that go by the clock or by repetition: switch, every, stall, the scheduled mixture."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagger_algo.conversation import Conversation
from dagger_algo.errors import ConfigError
from dagger_algo.gates.every import Every
from dagger_algo.gates.gate import Moment, in_round
from dagger_algo.gates.mixture import BetaMixture, TurnMixture
from dagger_algo.gates.spec import make_gate
from dagger_algo.gates.stall import Stall
from dagger_algo.gates.switch import Switch, SwitchAt
from dagger_algo.policies.scripted import Scripted
from dagger_algo.schedules import Beta

Make = Callable[..., Moment]
Actors = Callable[..., str]


def course(key: str, turns: int, moment: Make) -> list[Moment]:
    """The moments of one episode."""
    return [moment(*"o" * (t + 1), key=key) for t in range(turns)]


def test_the_student_begins_and_the_teacher_finishes(moment: Make, actors: Actors) -> None:
    gate = SwitchAt(longest=6, seed=1)
    for i in range(50):
        kappa = gate.kappa(f"1/{i}/{i}")
        decisions = gate(course(f"1/{i}/{i}", 10, moment))
        assert actors(gate, course(f"1/{i}/{i}", 10, moment)) == "s" * kappa + "t" * (10 - kappa)
        assert [d.ask for d in decisions] == [False] * kappa + [True] * (10 - kappa)


def test_kappa_is_uniform_with_both_ends() -> None:
    gate = SwitchAt(longest=4)
    drawn = Counter(gate.kappa(f"1/{i}/{i}") for i in range(5000))
    assert set(drawn) == {0, 1, 2, 3, 4}
    assert all(abs(count / 5000 - 0.2) < 0.03 for count in drawn.values())


def test_the_longest_prefix_grows_as_the_launchers() -> None:
    switch = Switch()
    assert [switch.longest(i) for i in range(1, 8)] == [20, 40, 60, 80, 100, 100, 100]
    assert in_round(switch, 3, 5) == SwitchAt(60)


def test_every_third_turn_is_the_teachers(moment: Make, actors: Actors) -> None:
    assert actors(Every(3), course("1/0/0", 8, moment)) == "sstsstss"
    assert actors(Every(1), course("1/0/0", 3, moment)) == "ttt"


def test_an_action_that_comes_again_and_again_is_a_stall(moment: Make, actors: Actors) -> None:
    gate = Stall(times=3, within=5)
    acted = ["ls", "cat", "ls", "cat", " ls\n", "pwd", "ls"]
    moments = [moment(*map(str, range(t + 1)), actions=acted[:t]) for t in range(len(acted) + 1)]
    # The third "ls" makes it; another action ends it; the last has three "ls" within five again.
    assert actors(gate, moments) == "sssss" + "t" + "s" + "t"


def test_an_error_that_comes_again_is_a_stall_and_the_instruction_is_none(
    moment: Make, actors: Actors
) -> None:
    gate = Stall(times=2, within=2)
    acted = ["a", "b", "c"]
    seen = ["error", "error", "error", "fine"]
    moments = [moment(*seen[: t + 1], actions=acted[:t]) for t in range(4)]
    assert actors(gate, moments) == "ssts"


def test_your_own_sign_of_a_stall_counts(moment: Make, actors: Actors) -> None:
    def unchanged(state: Conversation) -> bool:
        return "no change" in state.observations[-1]

    assert actors(Stall(stuck=unchanged), [moment("i", "no change"), moment("i", "+x")]) == "ts"


def test_turns_on_end_that_change_nothing_are_a_stall(moment: Make, actors: Actors) -> None:
    gate = make_gate("stall:unchanged=3", student=Scripted(lambda conversation: None))
    acted = ["cat a.py", "ls", "pytest -q", "sed -i s/1/2/ a.py && pytest -q", "cat b", "ls -a"]
    acted += ["Stage: Exploration\necho 1 > a.py", "submit"]
    moments = [moment(*map(str, range(t + 1)), actions=acted[:t]) for t in range(len(acted) + 1)]
    # Three that only look and run; the edit ends it (tests after it do not hide it), and again.
    assert actors(gate, moments) == "sss" + "t" + "sssss"
    idle = [
        moment(*map(str, range(t + 1)), actions=["ls", "pwd", "ls -a", "id"][:t]) for t in (3, 4)
    ]
    assert actors(gate, idle) == "tt"  # until somebody changes something
    assert actors(Stall(), idle) == "ss"


def test_beta_follows_its_schedule_over_the_rounds() -> None:
    gate = BetaMixture(Beta("linear", 1.0, 0.0), seed=4)
    assert [in_round(gate, i, 5) for i in (1, 3, 5)] == [
        TurnMixture(beta, 4) for beta in (1.0, 0.5, 0.0)
    ]


@given(st.lists(st.tuples(st.text(), st.text()), max_size=12), st.integers(2, 4))
def test_no_text_at_all_upsets_a_stall(turns: list[tuple[str, str]], times: int) -> None:
    from dagger_algo.conversation import Action

    state = Conversation(
        "k", ("i", *(seen for _, seen in turns)), tuple(Action(did) for did, _ in turns)
    )
    (decision,) = Stall(times, times + 2)([Moment(state)])
    assert decision.ask == (decision.actor == "teacher")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Every(0),
        lambda: Stall(1, 5),
        lambda: Stall(4, 3),
        lambda: Stall(unchanged=-1),
        lambda: SwitchAt(-1),
        lambda: Switch(step=-1),
        lambda: TurnMixture(1.1),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigError, match=r", not |0 or more"):
        make()
