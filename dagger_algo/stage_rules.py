"""The default rules: which tool and which shell command belongs to which stage.

    Exploration      cat ls grep find sed-without--i git-status/diff/log; tools view, search, read
    Implementation   sed -i, patch, git apply, cp mv rm, > file; tools create, str_replace, edit
    Verification     pytest, tox, make, python, a script by its path; tools test, run
    Orchestration    everything else: cd, pip, git commit, submit, finish, plan, no call at all

A tool that says what to do in an argument `command` (an editor's view, create, …) goes by that. A
shell's command line is taken apart at ;, &&, ||, | and line ends, quotes and here-documents aside.
Text without a call is read as a command when its first word is a known one.
"""

import re
from collections.abc import Iterator
from enum import StrEnum

from dagger_algo.tool_calls import tool_call


class Stage(StrEnum):
    """What a step is for."""

    EXPLORATION = "Exploration"  # reading: view, cat, ls, grep, find, git diff
    IMPLEMENTATION = "Implementation"  # changing files: edit, create, sed -i, patch, cat > file
    VERIFICATION = "Verification"  # running something: tests, make, python
    ORCHESTRATION = "Orchestration"  # all else: submit, plan, set up, commit, talk


_E, _I, _V, _O = Stage

_TOOLS = [
    (_O, re.compile(r"submit|finish|done|complete|plan|think|task|todo|message")),
    (_V, re.compile(r"test|verif|check|python|execute|^run")),
    (_E, re.compile(r"view|read|open|cat|list|ls|search|grep|find|glob|look|show|scroll|goto")),
    (_I, re.compile(r"edit|creat|writ|replac|insert|patch|apply|append|delet|undo|modif|mov")),
]
_SHELL = re.compile(r"bash|shell|terminal|command|^sh$")
_EDITOR = re.compile(r"edit|editor|file")
_COMMANDS = {
    _E: "cat less more head tail ls tree find grep egrep fgrep rg ag ack awk sed nl wc sort uniq "
    "cut diff file stat du df pwd which type echo printf xxd od strings jq view open bat fd test "
    "realpath basename dirname env printenv ps whoami uname date history man comm column",
    _I: "patch tee cp mv rm rmdir ln touch truncate install dd ed ex perl black isort autopep8 "
    "create edit str_replace insert",
    _V: "pytest py.test tox nox make ctest cmake cargo go npm yarn pnpm node mvn gradle gradlew "
    "python python2 python3 pypy ipython unittest nosetests mypy ruff flake8 pylint pyflakes "
    "coverage hypothesis ruby rake rspec php phpunit java javac gcc g++ cc bash sh zsh run_tests",
}
_STAGE_OF = {name: stage for stage, names in _COMMANDS.items() for name in names.split()}
_GIT = {
    _E: "status diff log show blame grep ls-files branch rev-parse describe cat-file",
    _I: "apply am checkout restore reset revert cherry-pick rm mv clean",
    _V: "bisect",
}
_GIT_STAGE_OF = {name: stage for stage, names in _GIT.items() for name in names.split()}
_ALSO_KNOWN = {"cd", "git", "pip", "submit", "finish", "export", "source", "mkdir", "exit"}
# Words in front of the command proper, with the options that they may have.
_PREFIXES = {"sudo", "time", "timeout", "nohup", "nice", "xargs", "exec", "command", "stdbuf"}
_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.", re.DOTALL)
_SPLIT = re.compile(r"\|\||&&|;|\||\n|(?<![>&])&(?!>)")
_HERE = re.compile(r"<<-?\s*[\\'\"]?(\w+)")
_INTO_FILE = re.compile(r"(?<![\d&=-])1?>{1,2}\|?\s*(?!/dev/|&|=)[\w./~$'\"-]")
_SUBMIT = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
_FAILURE = re.compile(
    r"^\[exit status (?!0\])|^(?:exit code|returncode|return code)\W*(?!0)\d|<returncode>(?!0<)"
    r"|\b[1-9]\d* (?:failed|failures?|errors?)\b|^FAILED\b|^Traceback \(most recent|^ERROR\b"
    r"|exit code:? (?!0)\d",
    re.MULTILINE | re.IGNORECASE,
)


def shell_rules(text: str) -> tuple[Stage, ...]:
    """The stages of an action's commands, in order; one for a tool that is no shell."""
    call = tool_call(text)
    if call is None:
        words = text.split(maxsplit=1)
        name = words[0].lower() if words else ""
        known = name in _STAGE_OF or name in _ALSO_KNOWN
        return _of_shell(text) if known else (_O,)
    name = call.name.lower()
    command = call.arguments.get("command") or call.arguments.get("cmd") or ""
    if _SHELL.search(name):
        return _of_shell(command)
    # An editor says in its `command` what it does.
    does = command.lower() if command and _EDITOR.search(name) else name
    return (next((stage for stage, words in _TOOLS if words.search(does)), _O),)


def shows_failure(observation: str) -> bool:
    """Whether the result of a run says that something failed: a non-zero exit status, failed
    tests, a traceback."""
    return _FAILURE.search(observation) is not None


def _of_shell(line: str) -> tuple[Stage, ...]:
    if _SUBMIT in line:
        return (_O,)
    return tuple(_of_command(command) for command in _commands(line)) or (_O,)


def _commands(line: str) -> Iterator[str]:
    """The simple commands of a command line, quoted text emptied."""
    bare = _QUOTED.sub(lambda m: "''" if m[0][0] != "\\" else " ", _without_here(line))
    for command in _SPLIT.split(bare):
        command = command.strip(" \t(){}!")
        if command and not command.startswith("#"):
            yield command


def _without_here(line: str) -> str:
    """Without the bodies of here-documents."""
    kept, until = [], None
    for part in line.split("\n"):
        if until is not None:
            until = None if part.strip() == until else until
            continue
        kept.append(part)
        if match := _HERE.search(part):
            until = match[1]
    return "\n".join(kept)


def _of_command(command: str) -> Stage:
    if _INTO_FILE.search(command):
        return _I
    words = command.split()
    while words and ("=" in words[0] or words[0] in _PREFIXES or words[0][0] in "-0123456789"):
        words.pop(0)
    if not words:
        return _O
    name, options = words[0].rsplit("/", 1)[-1], words[1:]
    if name == "git":
        does = next((word for word in options if not word.startswith("-")), "")
        return _GIT_STAGE_OF.get(does, _O)
    if name == "sed":
        return _I if any(o.startswith(("-i", "--in-place")) for o in options) else _E
    if name == "find" and "-delete" in options:
        return _I
    if name in _STAGE_OF:
        return _STAGE_OF[name]
    runs = re.match(r"python[\d.]*$|.*\.(py|sh)$", name) or words[0].startswith(("./", "../"))
    return _V if runs or "test" in name else _O
