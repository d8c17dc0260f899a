from dagger_algo.conversation import Actor, Conversation
from dagger_algo.gates.gate import Moment
from dagger_algo.gates.mixture import TurnMixture


def states(count: int) -> list[Moment]:
    return [Moment(Conversation(f"1/{i}/{i}", ("hello",))) for i in range(count)]


def test_the_teacher_acts_as_often_as_beta_says() -> None:
    actors = [decision.actor for decision in TurnMixture(0.3)(states(4000))]
    assert abs(actors.count(Actor.TEACHER) / 4000 - 0.3) < 0.03


def test_who_acts_does_not_depend_on_who_else_is_asked() -> None:
    gate, all_states = TurnMixture(0.5, seed=3), states(50)
    assert gate(all_states) == [gate([state])[0] for state in all_states]


def test_beta_one_is_always_the_teacher_and_beta_zero_never() -> None:
    assert {d.actor for d in TurnMixture(1.0)(states(500))} == {Actor.TEACHER}
    assert {d.actor for d in TurnMixture(0.0)(states(500))} == {Actor.STUDENT}
