from dataclasses import replace

import pytest

from dagger_algo import filters
from dagger_algo.conversation import Action, Actor, Episode, Outcome, Turn
from dagger_algo.examples import imitate


def episode(actions: str, reward: float = 1.0, outcome: Outcome = Outcome.TERMINATED) -> Episode:
    """One letter per action; capitals are the teacher's. Every turn is labelled "z"."""
    turns = [
        Turn(f"see {t}", Action(a), Actor.TEACHER if a.isupper() else Actor.STUDENT, Action("z"), 0)
        for t, a in enumerate(actions)
    ]
    return Episode("k", 0, "", 1, (*turns[:-1], replace(turns[-1], reward=reward)), outcome)


@pytest.mark.parametrize(
    ("name", "passes", "fails"),
    [
        ("success", episode("ab"), episode("ab", reward=0.0)),
        ("finished", episode("ab", reward=0.0), episode("ab", outcome=Outcome.TRUNCATED)),
        ("finished", episode("ab"), episode("ab", outcome=Outcome.CUT)),
        ("no-repetition", episode("aabaab"), episode("abbba")),
        ("solid", None, episode("ab")),
    ],
)
def test_a_filter_keeps_what_its_name_says(
    name: filters.Name, passes: Episode | None, fails: Episode
) -> None:
    assert passes is None or filters.NAMED[name](passes)
    assert not filters.NAMED[name](fails)


def test_a_solid_episode_passes_the_filter_for_it() -> None:
    steps = ["cat a", "patch a < b", "pytest", "submit"]
    turns = [Turn("1 passed", Action(s), Actor.STUDENT, None, 1.0) for s in steps]
    assert filters.solid_only(Episode("k", 0, "", 1, tuple(turns), Outcome.TERMINATED, "bye"))


def test_filters_combine() -> None:
    good, bad = episode("ab"), episode("aaa")
    both = filters.every(filters.successful, filters.no_repetition(3))
    assert both(good) and not both(bad)
    assert filters.either(filters.no_repetition(3), filters.finished)(bad)
    assert filters.every()(bad) and not filters.either()(good)
    assert filters.named(["success", "no-repetition"])(good)
    kept = list(imitate([good, bad], keep=both))
    assert [len(example.targets) for example in kept] == [2]


def test_labels_can_be_those_of_one_side_only() -> None:
    mixed = episode("aBc")
    (students,) = imitate([mixed], weigh=filters.students_turns)
    (teachers,) = imitate([mixed], weigh=filters.teachers_turns)
    assert [t.turn for t in students.targets] == [0, 2]
    assert [t.turn for t in teachers.targets] == [1]
    assert list(imitate([episode("ABC")], weigh=filters.students_turns)) == []
