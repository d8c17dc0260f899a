"""The prices of a sweep on real hardware, as a table."""

from typing import Any

from rich.console import Console
from rich.table import Table

from baselines.sweep.config import Compare
from baselines.sweep.pricing import USES, Price, price


def prices(config: Compare) -> dict[tuple[str, str], Price]:
    """By method and budget: one cell of those that there are formulas for."""
    found = {}
    for label, variant in config.variants.items():
        use = USES.get(variant.method)
        settings: Any = config.settings_of(label)
        for name, budget in config.budget_of.items():
            if use is not None:
                rounds, epochs = getattr(settings, "rounds", 1), getattr(settings, "epochs", 1)
                found[label, name] = price(config.scale, use, budget, rounds, epochs)
    return found


def print_prices(config: Compare, console: Console) -> None:
    """What one cell of each method takes, what does not fit, and what all seeds cost together."""
    found = prices(config)
    table = Table(title="One cell on real hardware, by formula", title_justify="left")
    table.add_column("cell", overflow="fold")
    for heading in ("GiB", "hours", "GPU h", "Mtok", "cost"):
        table.add_column(heading, justify="right", no_wrap=True)
    for (label, budget), one in found.items():
        table.add_row(
            label if len(config.budget_of) == 1 else f"{label} ({budget})",
            f"{one.training_gib:.0f} / {one.acting_gib:.0f} / {one.teacher_gib:.0f}",
            f"{one.collecting_hours + one.training_hours:.1f}",
            f"{one.gpu_hours:.0f}",
            f"{one.teacher_read / 1e6:.0f} + {one.teacher_written / 1e6:.0f}",
            f"{one.money:,.0f}",
        )
    console.print(table)
    cells = len(config.seed_range) * len(config.environment_of)
    console.print(
        "GiB of one GPU while the student is trained / while it acts / of the teacher's; hours of "
        "collecting and training, without evaluation; millions of teacher tokens read + written. "
        f"All {cells * len(found)} priced cells: "
        f"{cells * sum(one.gpu_hours for one in found.values()):,.0f} GPU hours, "
        f"{cells * sum(one.money for one in found.values()):,.0f} in money, "
        f"{config.scale.disk_gib:,.0f} GiB of images. Formulas and their "
        "assumptions: baselines/sweep/pricing.py, and `scale` in the recipe.",
        highlight=False,
    )
    unpriced = [v.method for v in config.variants.values() if v.method not in USES]
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
