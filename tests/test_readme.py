"""Every Python example of the README runs as printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "swe_gym_env/README.md", "dagger_algo/README.md", "baselines/README.md"]
EXAMPLES = [
    pytest.param(block, id=f"{page}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL), 1
    )
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_as_printed(example: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(example, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def test_the_main_example_solves_its_task_and_the_new_algorithm_learns(tmp_path: Path) -> None:
    main, algorithm = EXAMPLES[0].values[0], EXAMPLES[1].values[0]
    said = subprocess.run([sys.executable, "-c", main], cwd=ROOT, capture_output=True, text=True)
    assert said.stdout.split()[-1] == "1.0", said.stderr
    said = subprocess.run(
        [sys.executable, "-c", algorithm], cwd=ROOT, capture_output=True, text=True
    )
    success = [float(line.split()[1]) for line in said.stdout.splitlines()]
    assert success[-1] >= 0.9 > success[0]
