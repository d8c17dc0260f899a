"""A method in a file of one's own, as the README shows it: trained, and in the report."""

import re
from pathlib import Path

from baselines.evidence.results import load_results
from baselines.methods import get_method
from baselines.reporting.report import write_report
from baselines.sweep.compare import compare
from tests.baselines.sweep.sweeps import toys

README = (Path(__file__).parents[3] / "baselines" / "README.md").read_text(encoding="utf-8")
[SOURCE] = [
    block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "@method(" in block
]


def test_a_newcomers_file_is_trained_and_reported_without_touching_another(tmp_path: Path) -> None:
    assert len(SOURCE.splitlines()) <= 40
    path = tmp_path / "corrections.py"
    path.write_text(SOURCE)
    variant = f"twice: {{method: {path}, rounds: 2}}"
    config = toys(tmp_path, methods=["sft", str(path), variant], seeds=2)
    compare(config)
    found = load_results(config.folder)
    assert found.methods == ("sft", "corrections", "twice") and not found.failures
    part = found.at("rope", "small")
    assert [len(rows) for rows in part.cells("corrections").values()] == [1 + 3] * 2
    assert [len(rows) for rows in part.cells("twice").values()] == [1 + 2] * 2
    write_report(config.folder)
    page = (config.folder / "report.html").read_text(encoding="utf-8")
    cells = "".join(re.findall(r'<section id="results">.*?</section>', page, re.DOTALL))
    rows = re.findall(r'<tr>\n<th scope="row">.*</span> (\w+)</th>\n<td><b>([\d.]+)</b>', cells)
    ended = {name: float(success) for name, success in rows}
    assert list(ended) == ["SFT", "corrections", "twice"]
    starts = [rows[0].success for rows in part.cells("corrections").values()]
    assert ended["corrections"] >= 90 > 100 * max(starts), "it learns something"
    corners = "".join(re.findall(r'<section id="trilemma">.*?</section>', page, re.DOTALL))
    said = "<td>the student&#39;s</td><td>the teacher&#39;s</td>"
    said += "<td>3 where the student did something else, else 1</td>"
    row = r'<th scope="row">(\w+)<br>[^/]*Corrections:[^/]*</span></th>' + said
    assert re.findall(row, corners) == ["corrections", "twice"]


def test_two_files_may_register_the_same_name_and_borrow_from_bundled_ones(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "sft.py").write_text(
            "from baselines.methods import method\n"
            "from baselines.sft import SFTConfig\n"
            f'@method("sft", SFTConfig(rounds={len(folder)}))\n'
            f"def train(run, config): return {folder!r}\n"
        )
    paths = [str(tmp_path / folder / "sft.py") for folder in ("one", "two")]
    for _ in range(2):
        assert [get_method(path).train(None, None) for path in paths] == ["one", "two"]  # type: ignore[arg-type, func-returns-value]
    assert get_method("sft").train.__module__ == "baselines.sft"
