"""What is restored is what was there, whatever happened in between."""

import shlex
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from swe_gym_env.errors import OptionError
from swe_gym_env.sandbox import Sandbox
from swe_gym_env.sandbox.snapshots import SnapshotError

from .conftest import opener
from .work_trees import LIMITS, SNAPSHOT_OF_GIT, make_repository, same_again, tree_of

NAMES = (
    "pkg/a.py",
    "pkg/sub/b.py",
    "pkg/c.o",
    "pkg",
    "pkg/sub",
    "docs",
    "link",
    "new",
    "-rf",
    "with space",
    "new\nline",
    "back\\slash\\n",
    "*",
    "ünï",
    ".hidden/deep/er",
    "$'\\377'",
    ".gitignore",
    ".git/HEAD",
    ".git/config",
)


def quoted(name: str) -> str:
    return name if name.startswith("$'") else shlex.quote(f"./{name}")


paths = st.sampled_from(NAMES).map(quoted)
words = st.text(alphabet="ab\n", max_size=6).map(shlex.quote)
commands = st.one_of(
    st.builds("mkdir -p $(dirname {0}); printf %s {1} >{0}".format, paths, words),
    st.builds("printf %s {1} >>{0}".format, paths, words),
    st.builds("rm -rf {0}".format, paths),
    st.builds("mkdir -p {0}".format, paths),
    st.builds("chmod {1} {0}".format, paths, st.sampled_from(("755", "600", "000", "4711", "555"))),
    st.builds("mv -f {0} {1}".format, paths, paths),
    st.builds("ln -sfn {1} {0}".format, paths, paths),
    st.builds("ln -f {1} {0}".format, paths, paths),
    st.builds('rm -rf {0}; ln -s "$AWAY/far" {0}'.format, paths),
    st.builds('mv {0} "$AWAY/moved"; ln -s "$AWAY/moved" {0}'.format, paths),
    st.builds("touch -d '2001-02-03 04:05:06.789' {0}".format, paths),
    st.builds('f={0}; s=$(stat -c %y $f); printf zz >$f; touch -d "$s" $f'.format, paths),
    st.builds("cp -a {0} {1}".format, paths, paths),
    st.builds("mkfifo {0}".format, paths),
    st.builds("truncate -s 1M {0}".format, paths),
    st.builds("git add -A; git commit -qm {0}".format, words),
    st.sampled_from(
        (
            "git rm -rq --cached .",
            "git stash -uq",
            "git checkout -q -b other",
            "git reset -q --hard HEAD~1",
            "git gc -q --prune=now",
            "git tag v1",
            "git init -q pkg/sub; (cd pkg/sub; git add -A; git commit -qm inner)",
            "rm -rf .git",
            "rm -rf ./* ./.[a-z]*",
            "chmod -R a-w .",
            "echo '* text eol=crlf' >.gitattributes",
        )
    ),
)


@pytest.fixture(scope="module")
def own(backend: str) -> Iterator[Sandbox]:
    """One sandbox for all tests of a backend."""
    with opener(backend)(limits=LIMITS) as sandbox:
        yield sandbox


class TestTheFastTier:
    @settings(
        max_examples=6,
        deadline=None,
        # Each attempt at a smaller example takes a second.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @example(first=["chmod 555 pkg/sub; mkdir new; echo >new/x"], then=["rm -rf new; chmod 0 pkg"])
    @given(first=st.lists(commands, max_size=8), then=st.lists(commands, min_size=1, max_size=12))
    def test_gives_back_the_identical_tree_after_any_commands(
        self, own: Sandbox, first: list[str], then: list[str]
    ) -> None:
        make_repository(own)
        snapshots = same_again(own)
        empty = snapshots.take()
        before = tree_of(own)
        own.run("\n".join(first))
        middle = snapshots.take()
        between = tree_of(own)
        own.run("\n".join(then))
        after = snapshots.take()
        end = tree_of(own)
        for state, tree in ((middle, between), (empty, before), (after, end), (middle, between)):
            snapshots.restore(state)
            assert tree_of(own) == tree

    def test_leaves_the_tree_and_the_repository_as_they_are(self, own: Sandbox) -> None:
        make_repository(own)
        own.run("echo z >pkg/a.py; echo u >untracked; mkdir -p shut; touch shut/x; chmod 0 shut")
        before = tree_of(own)
        snapshots = same_again(own)
        for _ in range(2):
            snapshots.take()
            assert tree_of(own) == before
        own.run("chmod 700 shut")

    def test_brings_back_commits_branches_and_what_was_staged(self, own: Sandbox) -> None:
        make_repository(own)
        own.run("git checkout -qb work; echo 1 >>pkg/a.py; git commit -qam one; git add -f pkg/c.o")
        own.run("echo 2 >>pkg/a.py; git stash -q; echo 3 >>pkg/a.py")
        before = own.run(SNAPSHOT_OF_GIT).output
        snapshots = same_again(own)
        state = snapshots.take()
        own.run(
            "git checkout -qf HEAD~1; git branch -D work; git stash drop; git gc -q --prune=now"
        )
        own.run("git commit -q --amend -m other --allow-empty; git clean -fdxq")
        assert own.run(SNAPSHOT_OF_GIT).output != before
        snapshots.restore(state)
        assert own.run(SNAPSHOT_OF_GIT).output == before
        assert own.run("git fsck --no-dangling").exit_code == 0
        assert own.run("git branch --show-current").output == "work\n"

    def test_brings_back_a_work_tree_that_was_removed_altogether(self, own: Sandbox) -> None:
        make_repository(own)
        snapshots = same_again(own)
        state = snapshots.take()
        before = tree_of(own)
        own.run(f"cd /; rm -rf {own.workdir} || rm -rf {own.workdir}/* {own.workdir}/.[a-z]*")
        snapshots.restore(state)
        assert tree_of(own) == before

    def test_does_not_follow_a_folder_that_became_a_link(self, own: Sandbox) -> None:
        make_repository(own)
        snapshots = same_again(own)
        state = snapshots.take()
        own.run('mv pkg "$AWAY/elsewhere"; ln -s "$AWAY/elsewhere" pkg')
        linked = snapshots.take()
        snapshots.restore(state)
        both = own.run('[ -L pkg ] || cat pkg/a.py "$AWAY/elsewhere/a.py"')
        assert both.output == "x = 1\n" * 2
        snapshots.restore(linked)
        assert own.run('[ "$(readlink pkg)" = "$AWAY/elsewhere" ] && cat pkg/a.py').exit_code == 0

    def test_sees_a_change_that_keeps_size_and_modification_time(self, own: Sandbox) -> None:
        make_repository(own)
        snapshots = same_again(own)
        snapshots.take()
        time.sleep(0.05)
        state = snapshots.take()
        own.run(
            'touch -r pkg/a.py "$AWAY/s"; printf "x = 9\\n" >pkg/a.py; touch -r "$AWAY/s" pkg/a.py'
        )
        changed = snapshots.take()
        snapshots.restore(state)
        assert own.run("cat pkg/a.py").output == "x = 1\n"
        snapshots.restore(changed)
        assert own.run("cat pkg/a.py").output == "x = 9\n"

    def test_sees_changes_that_follow_a_snapshot_at_once(self, own: Sandbox) -> None:
        make_repository(own)
        snapshots = same_again(own)
        states = []
        for number in range(8):
            own.run(f"echo {number} >fast; : >new{number}")
            states.append(snapshots.take())
        for number in (3, 7, 0, 5):
            snapshots.restore(states[number])
            assert own.run("cat fast; ls new*").output.split() == [
                str(number),
                *(f"new{i}" for i in range(number + 1)),
            ]

    def test_keeps_directory_and_exported_variables_and_nothing_else_of_the_shell(
        self, own: Sandbox
    ) -> None:
        make_repository(own)
        own.run("cd pkg/sub; export KEPT=$'a\\nb' GONE=1; plain=1; unset LANG")
        snapshots = same_again(own)
        state = snapshots.take()
        own.run("cd /; export KEPT=x NEW=1; unset GONE; set -e; f() { :; }; export LANG=C")
        snapshots.restore(state)
        told = own.run('pwd; echo "$KEPT|$GONE|${NEW-}|${plain-}|${LANG-}|$-"; type f').output
        assert told.startswith(f"{own.workdir}/pkg/sub\na\nb|1||||")
        assert "e" not in told.split("|")[5].splitlines()[0]
        assert own.directory() == f"{own.workdir}/pkg/sub"
        own.run(f"cd {own.workdir}; export LANG=C.UTF-8")

    def test_ends_what_the_agent_left_running(self, own: Sandbox) -> None:
        make_repository(own)
        snapshots = same_again(own)
        state = snapshots.take()
        own.run("(while :; do echo x >>noise; sleep 0.01; done) & disown")
        own.run("setsid sh -c 'while :; do echo x >>noise; sleep 0.01; done' >/dev/null 2>&1 &")
        time.sleep(0.1)
        snapshots.restore(state)
        time.sleep(0.1)
        assert own.run("ls noise").exit_code != 0

    def test_can_be_taken_while_something_changes_the_tree(self, own: Sandbox) -> None:
        make_repository(own)
        snapshots = same_again(own)
        own.run("(while :; do echo x >>noise; : >t; mv t u; rm u; done) & disown")
        state = snapshots.take()
        snapshots.restore(state)
        assert own.run("cat pkg/a.py").output == "x = 1\n"

    def test_says_so_when_its_archives_were_deleted(self, own: Sandbox) -> None:
        make_repository(own)
        snapshots = same_again(own)
        state = snapshots.take()
        store = shlex.quote(snapshots._tree._exchange.store)
        own.run(f"rm -rf {store}; echo changed >pkg/a.py")
        with pytest.raises(SnapshotError, match="deleted"):
            snapshots.restore(state)
        assert own.run("cat pkg/a.py").output == "changed\n"

    def test_refuses_a_snapshot_of_another_sandbox_before_it_changes_anything(
        self, own: Sandbox
    ) -> None:
        make_repository(own)
        state = same_again(own).take()
        own.run("echo changed >pkg/a.py")
        with pytest.raises(SnapshotError, match="not of this sandbox"):
            same_again(own).restore(state)
        assert own.run("cat pkg/a.py").output == "changed\n"

    def test_refuses_a_tier_that_there_is_not(self, own: Sandbox, backend: str) -> None:
        with pytest.raises(OptionError, match="known"):
            same_again(own).take("slow")  # type: ignore[arg-type]
        if backend != "docker":
            with pytest.raises(OptionError, match='tier="fast"'):
                same_again(own).take("full")
