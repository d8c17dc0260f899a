"""The prices of a sweep on real hardware, as a table."""

from typing import Any

from rich.console import Console
from rich.table import Table

from baselines.sweep.config import Compare
from baselines.sweep.plan import WARM
from baselines.sweep.pricing import USES, Price, Use, price, together
from dagger_algo.ledger import Budget


def prices(config: Compare) -> dict[tuple[str, str], Price]:
    """By method and budget: one cell of those that there are formulas for, its evaluations
    included. The warm start comes first; its budget is ""."""
    found = {(WARM, ""): _warm(config)}
    for label, variant in config.variants.items():
        for name, budget in config.budget_of.items():
            one = _cell(config, variant.method, config.settings_of(label), budget)
            if one is not None:
                found[label, name] = one
    return found


def evaluations(settings: Any) -> int:
    """How often a method with these settings evaluates: its `rounds` or `evaluate`, else once; a
    pipeline as often as its parts do."""
    if parts := getattr(settings, "parts", None):
        return sum(evaluations(one) for _, one in parts)
    named = settings if isinstance(settings, dict) else getattr(settings, "__dict__", {})
    for name in ("rounds", "evaluate"):
        if isinstance(named.get(name), int):
            return int(named[name])
    return 1


def _warm(config: Compare) -> Price:
    tokens = config.warm_start.teacher_tokens
    use = Use(0.0, "answers" if tokens else "absent")
    steps = max(1, round(tokens / config.scale.label))
    budget = Budget(steps, max(1, tokens))
    return price(config.scale, use, budget, 1, config.warm_start.epochs, config.heldout_episodes)


def _cell(config: Compare, method: str, settings: Any, budget: Budget) -> Price | None:
    """None where there is no formula for the method, or for one of a pipeline's."""
    if parts := getattr(settings, "parts", None):
        shares = settings.share, 1 - settings.share
        steps = [max(1, round(share * budget.env_steps)) for share in shares]
        found = [
            _cell(config, name, one, Budget(most, budget.teacher_tokens))
            for (name, one), most in zip(parts, steps, strict=True)
        ]
        known = [one for one in found if one is not None]
        return together(known) if len(known) == len(found) else None
    if (use := USES.get(method)) is None:
        return None
    rounds, epochs = getattr(settings, "rounds", 1), getattr(settings, "epochs", 1)
    heldout = evaluations(settings) * config.heldout_episodes
    return price(config.scale, use, budget, rounds, epochs, heldout)


def print_prices(config: Compare, console: Console) -> None:
    """What one cell of each method takes, what does not fit, and what all seeds cost together."""
    found = prices(config)
    table = Table(title="One cell on real hardware, by formula", title_justify="left")
    table.add_column("cell", overflow="fold")
    for heading in ("GiB", "hours", "eval h", "GPU h", "Mtok", "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    for (label, budget), one in found.items():
        table.add_row(
            f"{label} ({budget})" if budget and len(config.budget_of) > 1 else label,
            f"{one.training_gib:.0f} / {one.acting_gib:.0f} / {one.teacher_gib:.0f}",
            f"{one.collecting_hours + one.training_hours:.1f}",
            f"{one.evaluating_hours:.1f}",
            f"{one.gpu_hours:.0f}",
            f"{one.teacher_read / 1e6:.0f} + {one.teacher_written / 1e6:.0f}",
            f"{one.money:,.0f}",
        )
    console.print(table)
    cells = len(config.seed_range) * len(config.environment_of)
    console.print(
        "GiB of one GPU while the student is trained / while it acts / of the teacher's; hours of "
        "collecting and training, and of evaluating; GPU hours and cost of all three; millions of "
        f"teacher tokens read + written. All {cells * len(found)} priced cells and warm starts: "
        f"{cells * sum(one.gpu_hours for one in found.values()):,.0f} GPU hours, "
        f"{cells * sum(one.money for one in found.values()):,.0f} in money, "
        f"{config.scale.disk_gib:,.0f} GiB of images. Formulas and their "
        "assumptions: baselines/sweep/pricing.py, and `scale` in the recipe.",
        highlight=False,
    )
    priced = {label for label, _ in found}
    unpriced = [v.method for label, v in config.variants.items() if label not in priced]
    if unpriced:
        console.print(f"There are no formulas for {', '.join(dict.fromkeys(unpriced))}.")
    sentences = dict.fromkeys(s for one in found.values() for s in one.too_large(config.scale))
    for sentence in sentences:
        console.print(
            f"Does not fit: {sentence}. Train adapters (student.lora), fewer episodes at a time "
            "(envs), a shorter context, or on larger GPUs.",
            style="yellow",
            highlight=False,
        )
