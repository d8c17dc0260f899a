"""A clone starts as its original is, and neither sees what the other does from then on."""

from collections.abc import Iterator

import pytest

from swe_gym_env.sandbox import Sandbox
from swe_gym_env.sandbox.snapshots import SnapshotError, Snapshots

from .conftest import IMAGE, Opener, opener
from .work_trees import LIMITS, SECONDS, make_repository, tree_of


class TestAClone:
    def open_like(self, backend: str, image: str | None) -> Sandbox:
        assert image is None or backend == "docker"
        if backend == "docker":
            from swe_gym_env.sandbox.docker_backend import open_docker

            return open_docker(image or IMAGE, limits=LIMITS)
        return opener(backend)(limits=LIMITS)

    @pytest.fixture
    def original(self, backend: str, open_one: Opener) -> Iterator[Snapshots]:
        snapshots = Snapshots(open_one(limits=LIMITS), lambda image: self.open_like(backend, image))
        make_repository(snapshots.sandbox)
        yield snapshots
        snapshots.close()

    def test_has_the_same_tree_and_shell_and_goes_its_own_way(self, original: Snapshots) -> None:
        original.sandbox.run("cd pkg; export A=1; echo changed >>a.py")
        clone = original.clone()
        try:
            assert tree_of(clone.sandbox, SECONDS) == tree_of(original.sandbox, SECONDS)
            where = clone.sandbox.run('echo "$A"; pwd').output.split()
            assert where == ["1", f"{clone.sandbox.workdir}/pkg"]
            clone.sandbox.run("echo mine >a.py")
            assert "changed" in original.sandbox.run("cat a.py").output
            original.close()
            assert clone.sandbox.run("cat a.py; git status --short").output == "mine\n M a.py\n"
        finally:
            clone.close()

    def test_can_go_back_to_what_was_before_it_was_made(self, original: Snapshots) -> None:
        early = original.take()
        before = tree_of(original.sandbox, SECONDS)
        original.sandbox.run("git rm -rq .; echo late >late")
        late = original.take()
        after = tree_of(original.sandbox, SECONDS)
        clone = original.clone()
        try:
            own = clone.take()
            original.sandbox.run("echo later >later")
            later = original.take()
            for state, tree in ((early, before), (late, after), (own, after), (early, before)):
                clone.restore(state)
                assert tree_of(clone.sandbox, SECONDS) == tree
            with pytest.raises(SnapshotError, match="not of this sandbox"):
                clone.restore(later)
            with pytest.raises(SnapshotError, match="not of this sandbox"):
                original.restore(own)
        finally:
            clone.close()
