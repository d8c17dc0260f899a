"""Slopes, frontiers, tables and rows: the numbers behind the figures."""

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from baselines.evidence.results import load_results
from baselines.reporting.curves import training_seconds
from baselines.reporting.economics import frontier
from baselines.reporting.figures import Looks, Plot, Studio, seed_band
from baselines.reporting.gather import gather
from baselines.reporting.horizons import _left_out, slope
from baselines.reporting.tables import latex, markdown
from baselines.reporting.trilemma import corners

Sweep = Callable[[Path], Path]
HORIZONS = (5.0, 10.0, 20.0, 40.0)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_slope_of_a_power_law_is_its_power(power: float) -> None:
    exact = np.array([[1e-3 * h**power for h in HORIZONS]] * 3)
    found = slope(HORIZONS, exact)
    assert found is not None and found.horizons == 4
    assert (found.value, found.low, found.high) == pytest.approx((power,) * 3)


def test_the_interval_of_a_slope_covers_the_power_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth = 1e-3 * np.array(HORIZONS) ** 1.5
    covered = 0
    for _ in range(40):
        noisy = truth * rng.lognormal(0, 0.4, (12, 4)) / np.exp(0.08)
        found = slope(HORIZONS, noisy)
        assert found is not None and found.low is not None and found.high is not None
        covered += found.low <= 1.5 <= found.high
    assert covered >= 32  # 38 expected; a percentile bootstrap of 12 seeds is a little narrow


def test_the_interval_of_a_slope_is_scipys_of_seeds_drawn_with_all_their_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    regrets = 1e-3 * np.random.default_rng(1).lognormal(0, 0.5, (6, 4))
    asked = []

    def bootstrap(*given: Any, **options: Any) -> Any:
        asked.append(options)
        return real(*given, **options)

    real = scipy.stats.bootstrap
    monkeypatch.setattr(scipy.stats, "bootstrap", bootstrap)
    found = slope(HORIZONS, regrets)
    assert [options["paired"] for options in asked] == [True]

    def fitted(*columns: Any) -> Any:
        means = [np.mean(column) for column in columns]
        return scipy.stats.linregress(np.log(HORIZONS), np.log(means)).slope

    expected = real(
        tuple(regrets.T),
        fitted,
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=999,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_a_slope_needs_two_horizons_with_regret_and_two_seeds_for_an_interval() -> None:
    regrets = np.array([[0.0, 0.1, 0.2, np.nan]])
    found = slope(HORIZONS, regrets)
    assert found is not None
    assert (found.value, found.low, found.horizons) == (pytest.approx(1.0), None, 2)
    assert "one seed" in str(found)
    often = slope(HORIZONS[:2], np.array([[0.0, 0.1], [0.1, 0.2], [0.1, 0.2]]))
    assert often is not None and often.lost == pytest.approx(1 / 27, abs=0.02)
    assert f"{often.lost:.0%} of the draws have no regret" in str(often)
    rarely = slope(HORIZONS[:2], np.array([[0.1, 0.1], *[[0.0, 0.2]] * 9]))
    assert (
        rarely is not None
        and rarely.low is not None
        and rarely.lost == pytest.approx(0.9**10, abs=0.05)
    )
    assert slope(HORIZONS, np.array([[0.0, -0.1, 0.2, np.nan]])) is None


def test_points_without_regret_are_said_to_be_left_out_of_the_slopes_that_are_shown() -> None:
    def told(**regrets: list[float]) -> str:
        values = {method: np.array([of]) for method, of in regrets.items()}
        return _left_out(values, {m: slope(HORIZONS, of) for m, of in values.items()})

    there, lacking = [0.1, 0.2, 0.3, 0.4], [0.0, 0.2, 0.3, 0.4]
    assert told(sft=there, dagger=[np.nan, *there[1:]]) == ""
    cannot = "without regret cannot be drawn on such axes"
    alone = "of the other horizons alone."
    assert told(sft=there, dagger=lacking) == (
        f" 1 point {cannot} and is left out of the slope of DAgger: it speaks {alone}"
    )
    assert told(sft=lacking, dagger=lacking) == (
        f" 2 points {cannot} and are left out of the slopes of SFT and DAgger: those speak {alone}"
    )
    assert told(sft=there, dagger=[0.0, 0.0, 0.0, 0.4]) == f" 3 points {cannot}."


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_nothing_beats_a_point_of_the_frontier(points: list[tuple[int, int]]) -> None:
    best = frontier([(float(x), float(y)) for x, y in points])
    assert best == sorted(set(best)) and all(b[1] > a[1] for a, b in pairwise(best))
    for x, y in points:
        assert any(bx <= x and by >= y for bx, by in best)
    assert set(best) <= {(float(x), float(y)) for x, y in points}


def test_a_band_over_seeds_holds_its_mean() -> None:
    assert seed_band([0.5]) == (0.5, 0.5, 0.5)
    mean, low, high = seed_band([0.1, 0.4, 0.7, 0.8])
    assert 0.1 <= low < mean < high <= 0.8 and mean == pytest.approx(0.5)


def test_beyond_six_methods_no_two_look_alike() -> None:
    looks = Looks([f"m{i}" for i in range(24)])
    assert len({looks(method) for method in looks.methods}) == 24


def test_a_sweep_gets_every_kind_of_figure(report: Path) -> None:
    source = report.read_text(encoding="utf-8")
    names = re.findall(r'<figure id="figure-([^"]+)"', source)
    assert len(set(names)) == len(names)
    here = re.compile(r"^\d-rope-\d+-(small|large)-(.+)")
    kinds = [match[2] for name in names if (match := here.match(name))]
    curves = {"success-env_steps", "success-teacher_tokens", "success-seconds"}
    assert set(kinds) == curves | {"acting", "stages", "errors", "coverage", "seconds"}
    assert len(kinds) == 4 * 8
    across = [name for name in names if not here.match(name)]
    assert across.count("profiles") == 1
    for kind in ("regret-horizon", "success-horizon", "economics-teacher_tokens"):
        assert sum(kind in name for name in across) == 2  # one per budget, or per environment
    assert sum("economics-money" in name for name in across) == 2
    assert "Left out" not in source
    assert "seen in training up to round" in source and "trained on" not in source
    assert re.search(r"SFT: slope \d\.\d\d \(\d\.\d\d to \d\.\d\d[,)]", source)


def test_a_sweep_says_how_sure_its_comparisons_are(report: Path) -> None:
    source = report.read_text(encoding="utf-8")
    rows = re.findall(r"<tr><th scope=\"row\">DAgger − (\w+)</th><td>(rope \d+, \w+)</td>", source)
    assert len(rows) == len(set(rows)) == 8  # two other methods in four parts
    assert "McNemar" in source and "interquartile mean, %" in source


def test_a_damaged_store_is_named_and_the_rest_is_drawn(tmp_path: Path, write_sweep: Sweep) -> None:
    results = load_results(write_sweep(tmp_path))
    part = results.at("rope 5", "small")
    store = results.cell_folder("rope 5", "small", 0, "sft") / "episodes.jsonl"
    lines = store.read_bytes().splitlines(keepends=True)
    store.write_bytes(b"".join([lines[0], b"0" + lines[1][1:], *lines[2:]]))
    figures = gather(part, Studio(), Looks(part.methods))
    assert [str(store) in sentence for sentence in figures.damaged] == [True]
    [plots] = figures.here.values()
    assert {"stages", "acting"} <= {plot.name for plot in plots}
    # One horizon makes no slope.
    assert [item.title for item in figures.missing] == ["Success and regret against the horizon"]


def test_the_tables_of_a_sweep_say_where_each_row_is_from(report: Path) -> None:
    results = load_results(report.parent)
    head, rule, *rows = markdown(results).splitlines()
    assert head.startswith("| environment | budget | method | success")
    assert {line.count("|") for line in (rule, *rows[:16])} == {head.count("|")}
    assert len([row for row in rows if row.startswith("| rope")]) == 16
    table = latex(results)
    assert table.count("\\midrule") == 4 and table.count(r" \\") == 17
    assert r"\begin{tabular}{lllrrrrrrr}" in table
    body = [line for line in table.splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in body} == {9}
    [failed] = [line for line in table.splitlines() if "failed" in line]
    assert failed.startswith("% ")


def test_evaluation_is_no_part_of_the_training_time(report: Path) -> None:
    row = next(row for row in load_results(report.parent).rows if row.round == 2)
    assert row.seconds["evaluate"] > 0
    assert training_seconds(row) == pytest.approx(16.0)


def test_a_methods_row_is_what_its_file_says(tmp_path: Path) -> None:
    own = tmp_path / "mine.py"
    own.write_text(
        '"""Mine: as an example.\n\n    states      the moon\'s\n    actions     nobody\'s,\n'
        '                ever\n    weights     π\n"""\nraise RuntimeError("never imported")\n'
    )
    config = {"method_settings": {"mine": {"method": str(own)}, "gone": {"method": "/no/x.py"}}}
    rows = {row.name: row for row in corners(config, ["mine", "gone", "dagger"])}
    assert rows["mine"].states == "the moon's" and rows["mine"].actions == "nobody's, ever"
    assert rows["mine"].weights == "π" and rows["mine"].ran
    assert "gone" not in rows
    assert rows["DAgger"].ran and "mixture" in rows["DAgger"].states
    assert not rows["SFT"].ran and rows["SFT"].actions == "the teacher's"


def test_the_saved_files_are_those_of_the_figure(tmp_path: Path) -> None:
    def paint(canvas: object) -> None:
        canvas.add_subplot().plot([1, 2])  # type: ignore[attr-defined]

    plot = Studio(tmp_path).draw("a/b c", "Title <i>", "Caption", paint)
    assert isinstance(plot, Plot)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "a-b-c.pdf",
        "a-b-c.png",
        "a-b-c.svg",
    ]
    assert 'aria-label="Title &lt;i&gt;"' in plot.svg
    assert "#010203" not in plot.svg and "currentColor" in plot.svg
