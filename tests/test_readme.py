"""Every Python example of the README runs as printed.

One that begins with `# name.py` is that file, and its page's others find it beside them.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dagger_algo.errors import ConfigError
from dagger_algo.gates.spec import check_gate

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "swe_gym_env/README.md", "dagger_algo/README.md", "baselines/README.md"]
BLOCKS = {
    page: re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    for page in PAGES
}
EXAMPLES = [
    pytest.param(block, id=f"{page}-{number}")
    for page in PAGES
    for number, block in enumerate(BLOCKS[page], 1)
]
FILES = {
    page: {
        block[2 : block.index("\n")]: block for block in blocks if re.match(r"# \w+\.py\n", block)
    }
    for page, blocks in BLOCKS.items()
}
GUIDE = FILES["dagger_algo/README.md"]


def run(example: str, folder: Path) -> str:
    """What it prints."""
    page = next(page for page in PAGES if example in BLOCKS[page])
    for name, text in {**FILES[page], "example.py": example}.items():
        (folder / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, folder / "example.py"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_as_printed(example: str, tmp_path: Path) -> None:
    run(example, tmp_path)


def test_everything_of_your_own_is_under_30_lines_in_the_guide_of_dagger_algo() -> None:
    assert {"countdown.py", "counting_teacher.py", "rescue.py", "corrections.py"} <= set(GUIDE)
    assert {name: text.count("\n") for name, text in GUIDE.items() if text.count("\n") >= 30} == {}


@pytest.mark.parametrize("name", ["rescue.py", "corrections.py"])
def test_a_student_learns_with_the_gate_and_by_the_algorithm_of_the_guide_of_dagger_algo(
    name: str, tmp_path: Path
) -> None:
    before, *rounds = [line.split() for line in run(GUIDE[name], tmp_path).splitlines()]
    success = [float(row[-1]) for row in rounds]
    assert len(success) == 4 and success[-1] >= 0.9 > 0.5 > float(before[-1])
    share = [float(row[1]) for row in rounds]
    if name == "rescue.py":  # the teacher acts, seldom, and hardly at all in the end
        assert 0.5 > share[0] > 0.1 > share[-1]
    else:  # the student comes to say what the teacher says
        assert share[-1] > 0.9 > 0.5 > share[0]


def test_the_gate_of_the_guide_of_dagger_algo_is_known_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "rescue.py").write_text(GUIDE["rescue.py"], encoding="utf-8")
    check_gate(f"{tmp_path}/rescue.py:Rescue:wrong=3+stall")
    with pytest.raises(ConfigError, match="did you mean 'wrong'"):
        check_gate(f"{tmp_path}/rescue.py:Rescue:wron=3")


def test_the_main_example_solves_its_task_and_the_new_algorithm_learns(tmp_path: Path) -> None:
    main, algorithm = EXAMPLES[0].values[0], EXAMPLES[1].values[0]
    said = subprocess.run([sys.executable, "-c", main], cwd=ROOT, capture_output=True, text=True)
    assert said.stdout.split()[-1] == "1.0", said.stderr
    said = subprocess.run(
        [sys.executable, "-c", algorithm], cwd=ROOT, capture_output=True, text=True
    )
    success = [float(line.split()[1]) for line in said.stdout.splitlines()]
    assert success[-1] >= 0.9 > success[0]
