"""The persistent shell's promises, on every backend."""

import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swe_gym_env.errors import SandboxDied
from swe_gym_env.sandbox import Limits, Sandbox

BUSY = 15.0
"""Seconds that a slow, busy machine may add to anything."""


def alive(sandbox: Sandbox) -> bool:
    # What is in the background may speak before or after.
    return "ok" in sandbox.run("echo ok").output.splitlines()


def test_directory_variables_functions_and_status_persist(sandbox: Sandbox) -> None:
    sandbox.run("mkdir -p d && cd d; x=1; export y=2; f() { echo f$1; }; declare -A m=([a]=b)")
    result = sandbox.run('echo "$x$y ${PWD##*/} $(f 3) ${m[a]}"')
    assert (result.output, result.exit_code) == ("12 d f3 b\n", 0)
    assert sandbox.run("(exit 7)").exit_code == 7
    assert sandbox.run("echo $?").output == "7\n"


def test_stdout_and_stderr_come_in_order(sandbox: Sandbox) -> None:
    result = sandbox.run("echo 1; echo 2 >&2; echo 3; echo 4 >/dev/stderr; echo 5 >/dev/stdout")
    assert result.output == "1\n2\n3\n4\n5\n"


@pytest.mark.parametrize("command", ["echo 'a", 'echo "a', "for", "cat <<A\nx", "$(", "if", "a)("])
def test_unfinished_syntax_is_reported_and_the_shell_goes_on(
    sandbox: Sandbox, command: str
) -> None:
    sandbox.run("kept=1")
    assert not sandbox.run(command).timed_out
    assert sandbox.run("echo $kept").output == "1\n"


@pytest.mark.parametrize(
    "command",
    [
        "exec 1>&-",
        "exec >/dev/null 2>&1",
        "exec 0<&- 1>&- 2>&-",
        "break",
        "continue",
        "return 3",
        "stty -a",
        "set -o posix; for",
        "umask 777",
        "trap 'echo t' DEBUG",
        "TMOUT=1",
        "exec 3<&0",
        "shopt -s expand_aliases; alias echo=false builtin=false read=false",
        "set -v",
        "IFS=x",
        "read() { :; }; printf() { :; }; eval() { :; }; command() { :; }",
    ],
)
def test_hostile_but_legal_commands_leave_the_shell_as_it_is(
    sandbox: Sandbox, command: str
) -> None:
    sandbox.run("kept=1")
    result = sandbox.run(command)
    assert not result.timed_out
    assert not result.shell_restarted
    assert sandbox.run("\\echo $kept").output.endswith("1\n")
    sandbox.run("exit")


@pytest.mark.parametrize(
    "command",
    [
        "exit 3",
        "exec true",
        "kill -9 $$",
        "set -e; false",
        "set -u; echo $nothing",
        "kill -STOP $$",
        "break 5",
        "${x:?no}",
        "readonly __swe_body",
        "enable -n printf",
        "ulimit -f 0; echo >f",
        'for i in {3..255}; do eval "exec $i>&-"; done',
    ],
)
def test_a_command_that_takes_the_shell_down_costs_only_unexported_state(
    sandbox: Sandbox, command: str
) -> None:
    sandbox.run("mkdir -p deep && cd deep && export kept='a b\nc' lost=1; plain=1")
    result = sandbox.run(command)
    assert result.shell_restarted or sandbox.run("true").shell_restarted
    assert result.exit_code in (None, 0)
    after = sandbox.run('echo "$kept ${PWD##*/} ${plain-gone}"')
    assert after.output == "a b\nc deep gone\n"
    assert sandbox.run("sleep 30", timeout=0.2).timed_out


@pytest.mark.parametrize("command", ["cat", "read x", "python3", "bash", "head -c 1"])
def test_a_command_that_reads_stdin_meets_its_end(sandbox: Sandbox, command: str) -> None:
    result = sandbox.run(command)
    assert not result.timed_out
    assert result.output == ""


def test_a_command_that_never_ends_returns_within_its_limit(sandbox: Sandbox) -> None:
    sandbox.run("kept=1")
    started = time.monotonic()
    result = sandbox.run("echo before; sleep 1765; sleep 1765", timeout=0.5)
    assert time.monotonic() - started < 0.5 + BUSY
    assert result.timed_out
    assert result.exit_code is None
    assert result.output.startswith("before\n")
    assert sandbox.run("echo ${kept-lost}").output in ("1\n", "lost\n")
    assert "sleep" not in sandbox.run("ps -o args= -A | grep '[s]leep 1765'").output


def test_a_shell_stuck_in_a_loop_is_replaced(sandbox: Sandbox) -> None:
    sandbox.run("export kept=1")
    result = sandbox.run("while :; do :; done", timeout=0.3)
    assert result.timed_out
    assert result.shell_restarted
    assert result.seconds < 0.3 + BUSY
    assert sandbox.run("echo $kept").output == "1\n"


def test_a_child_that_ignores_signals_and_hides_in_a_group_is_killed(sandbox: Sandbox) -> None:
    command = "trap '' TERM INT HUP; (set -m; (trap '' TERM; sleep 4321) & wait)"
    assert sandbox.run(command, timeout=0.3).timed_out
    assert sandbox.run("ps -A -o args= | grep -c '[s]leep 4321'").output == "0\n"


def test_earlier_background_jobs_outlive_a_time_limit(sandbox: Sandbox) -> None:
    assert sandbox.run("sleep 1234 & disowned=$!").seconds < BUSY
    assert sandbox.run("sleep 1000", timeout=0.3).timed_out
    still = sandbox.run("jobs -r; kill $disowned")
    assert "sleep 1234" in still.output


def test_background_output_does_not_hold_up_the_answer(sandbox: Sandbox) -> None:
    assert not sandbox.run("yes & (while :; do echo x; done) &").timed_out
    result = sandbox.run("echo marker; sleep 0.1")
    assert not result.timed_out
    assert not sandbox.run("kill -9 $(jobs -p); wait").timed_out
    assert alive(sandbox)


def test_endless_output_keeps_head_and_tail_and_ends_at_the_limit(sandbox: Sandbox) -> None:
    result = sandbox.run("echo first; yes", timeout=1)
    assert result.timed_out
    assert result.seconds < 1 + BUSY
    assert result.output.startswith("first\ny\n")
    assert f"[... {result.omitted_bytes} bytes omitted ...]" in result.output
    assert len(result.output) < 1_100_000


def test_a_huge_output_is_counted(sandbox: Sandbox) -> None:
    result = sandbox.run("head -c 30000000 /dev/zero | tr '\\0' x; echo; echo last")
    assert result.omitted_bytes == 30_000_006 - 1_000_000
    assert result.output.endswith("x\nlast\n")


def test_undecodable_output_is_replaced(sandbox: Sandbox) -> None:
    assert sandbox.run(r"printf 'a\377b\0c'").output == "a�b\0c"


def test_long_commands_and_nul_bytes_are_taken(sandbox: Sandbox) -> None:
    text = "é x " * 40_000 + "\n\n"
    assert sandbox.run(f"printf %s '{text}'").output == text
    assert sandbox.run("ec\0ho a\0b").output == "ab\n"
    assert sandbox.run("cat <<'E'\n$x `y` \\z\nE").output == "$x `y` \\z\n"


def test_output_that_looks_like_our_own_marks_is_only_output(sandbox: Sandbox) -> None:
    sandbox.run("set > seen; declare -p >> seen")
    result = sandbox.run(r"printf '\0%032d 0\0\0%032d restart 1 1\0' 1 2; cat seen; printf '\0'")
    assert result.exit_code == 0
    assert result.output.startswith("\0" + "0" * 31 + "1 0\0\0")


def test_no_command_sees_the_control_stream(sandbox: Sandbox) -> None:
    result = sandbox.run("ls /proc/self/fd | tr '\\n' ' '; cat <&198; cat <&197; echo >&199")
    assert result.output.startswith("0 1 2 3 ")
    assert result.output.count("Bad file descriptor") == 3
    assert alive(sandbox)


def test_killing_every_process_inside_does_not_end_the_episode(sandbox: Sandbox) -> None:
    if "swe-gym-local" in sandbox.workdir:
        pytest.skip("not isolated: this would kill every process of the user")
    sandbox.run("export kept=1")
    sandbox.run("for s in 1 2 3 6 9 10 12 15; do kill -$s 1; done; kill -9 -1; kill -9 $PPID")
    sandbox.run("kill -9 $$", timeout=5)
    sandbox.run("true")
    assert sandbox.run("echo $kept").output == "1\n"


def test_an_interrupted_call_does_not_mix_up_the_next(sandbox: Sandbox) -> None:
    pump = sandbox._transport.pump  # type: ignore[attr-defined]
    calls = 0

    def interrupted(*args: object) -> object:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise KeyboardInterrupt
        return pump(*args)

    sandbox._transport.pump = interrupted  # type: ignore[attr-defined]
    try:
        with pytest.raises(KeyboardInterrupt):
            sandbox.run("sleep 2; echo stale")
    finally:
        sandbox._transport.pump = pump  # type: ignore[attr-defined]
    assert sandbox.run("echo fresh").output == "fresh\n"


def test_a_closed_sandbox_says_so_and_closes_twice(open_one: object) -> None:
    sandbox = open_one()  # type: ignore[operator]
    sandbox.close()
    sandbox.close()
    with pytest.raises(SandboxDied, match="closed"):
        sandbox.run("true")


def test_closing_from_another_thread_ends_a_running_command(open_one: object) -> None:
    sandbox = open_one(limits=Limits(command_seconds=60))  # type: ignore[operator]
    threading.Timer(0.5, sandbox.close).start()
    started = time.monotonic()
    with pytest.raises(SandboxDied):
        sandbox.run("sleep 50")
    assert time.monotonic() - started < 1 + BUSY


@given(st.text(max_size=40))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_is_a_command_after_which_the_shell_answers(sandbox: Sandbox, text: str) -> None:
    assert sandbox.run(text, timeout=2).seconds < 2 + BUSY
    assert alive(sandbox)
