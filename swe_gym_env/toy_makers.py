"""Makers of the environments that need no dataset: bundled repair tasks and text toys."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import gymnasium as gym

from swe_gym_env.errors import OptionError
from swe_gym_env.making import refuse_unknown, vectorized

_OWN = ("split", "modules", "dataset", "render_mode")


def make_repair_toy(
    *,
    split: str = "train",
    modules: int | Sequence[str] | None = None,
    dataset: str | Path | None = None,
    render_mode: str | None = None,
    **options: Any,
) -> gym.Env[str, str]:
    """`RepairToy-v0`: bundled repair tasks, or those of your own task file.

    split: "train", "heldout" or "all" of the bundled tasks; a held-out task is an unseen bug in a
        module of which training has other bugs.
    modules: only bugs of these modules, or of the first so many by name: fewer modules make an
        easier benchmark, for students that have minutes to learn.
    dataset: a JSONL file of tasks (see swe_gym_env/tasks/files.py) instead of the bundled ones.
    options: see `RepairOptions`.
    """
    from swe_gym_env.env import RepairEnv, RepairOptions
    from swe_gym_env.tasks.files import load_task_file
    from swe_gym_env.tasks.repair_toy import load

    known = [field.name for field in fields(RepairOptions)]
    refuse_unknown("RepairToy-v0", options, [*known, *_OWN])
    if split not in ("train", "heldout", "all"):
        raise OptionError(f"split is {split!r}; expected 'train', 'heldout' or 'all'")
    settings = RepairOptions(**{"max_turns": 16, **options})
    if dataset is not None:
        tasks = load_task_file(Path(dataset))
        return RepairEnv(lambda: tasks, settings, render_mode)
    chosen = _modules(modules)
    return RepairEnv(
        lambda: [task for task in load(split) if task.tags["module"] in chosen],  # type: ignore[arg-type]
        settings,
        render_mode,
    )


def _modules(wanted: int | Sequence[str] | None) -> Sequence[str]:
    from swe_gym_env.tasks.repair_toy import module_names

    names = module_names()
    if wanted is None:
        return names
    if isinstance(wanted, int):
        if not 1 <= wanted <= len(names):
            raise OptionError(f"modules is {wanted}; there are {len(names)}, so 1 to {len(names)}")
        return names[:wanted]
    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise OptionError(f"no module {name!r}{hint} Known: {', '.join(names)}")
    return [wanted] if isinstance(wanted, str) else wanted


def make_tightrope(**options: Any) -> gym.Env[str, str]:
    """`Tightrope-v0`: one slip leads where no demonstration goes; see `toys.Tightrope`."""
    from swe_gym_env.toys import Tightrope

    return _toy("Tightrope-v0", Tightrope, options)


def make_lock(**options: Any) -> gym.Env[str, str]:
    """`CombinationLock-v0`: the reward is at the very end; see `toys.CombinationLock`."""
    from swe_gym_env.toys import CombinationLock

    return _toy("CombinationLock-v0", CombinationLock, options)


def make_corridor(**options: Any) -> gym.Env[str, str]:
    """`Corridor-v0`: a control in which errors cost a turn; see `toys.Corridor`."""
    from swe_gym_env.toys import Corridor

    return _toy("Corridor-v0", Corridor, options)


def make_cliff(**options: Any) -> gym.Env[str, str]:
    """`Cliff-v0`: a control in which an error ends all hope; see `toys.Cliff`."""
    from swe_gym_env.toys import Cliff

    return _toy("Cliff-v0", Cliff, options)


def make_key_door_tree(**options: Any) -> gym.Env[str, str]:
    """`KeyDoorTree-v0`: a key and a door in a tree of rooms; see `toys.KeyDoorTree`."""
    from swe_gym_env.toys import KeyDoorTree

    return _toy("KeyDoorTree-v0", KeyDoorTree, options)


def make_textworld(**options: Any) -> gym.Env[str, str]:
    """`TextWorld-v0`: generated text games with their own expert; see `toys.textworld`."""
    from swe_gym_env.toys.textworld import TextWorld

    return _toy("TextWorld-v0", TextWorld, options)


def _toy(
    env_id: str, kind: Callable[..., gym.Env[str, str]], options: dict[str, Any]
) -> gym.Env[str, str]:
    import inspect

    from swe_gym_env.toys.knobs import Knobs

    known = list(inspect.signature(kind).parameters)
    if "knobs" in known:
        known += [field.name for field in fields(Knobs)]
        known.remove("knobs")
    refuse_unknown(env_id, options, known)
    return kind(**options)


make_repair_toy_vector = vectorized(make_repair_toy)
make_tightrope_vector = vectorized(make_tightrope)
make_lock_vector = vectorized(make_lock)
make_corridor_vector = vectorized(make_corridor)
make_cliff_vector = vectorized(make_cliff)
make_textworld_vector = vectorized(make_textworld)
make_key_door_tree_vector = vectorized(make_key_door_tree)
