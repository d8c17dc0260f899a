"""The full tier: a whole container is kept as an image, and comes back as it was."""

import time
from collections.abc import Iterator

import pytest

from swe_gym_env.sandbox.snapshots import SnapshotError, Snapshots

from .conftest import IMAGE, missing
from .work_trees import LIMITS, SECONDS, make_repository, tree_of


@pytest.mark.docker
class TestTheFullTier:
    @pytest.fixture
    def original(self) -> Iterator[Snapshots]:
        from swe_gym_env.sandbox.docker_backend import open_docker

        if reason := missing("docker"):
            pytest.skip(reason)
        snapshots = Snapshots(
            open_docker(IMAGE, limits=LIMITS), lambda image: open_docker(image or IMAGE)
        )
        make_repository(snapshots.sandbox)
        yield snapshots
        snapshots.close()

    def images(self) -> set[str]:
        import docker

        client = docker.from_env()
        try:
            found = client.api.images(all=True, filters={"label": "swe-gym.snapshot.owner"})
            return {image["Id"] for image in found}
        finally:
            client.close()

    def test_keeps_files_outside_of_the_work_tree_too(self, original: Snapshots) -> None:
        original.sandbox.run("echo installed >/opt/tool; cd pkg; export A=1")
        state = original.take("full")
        before = tree_of(original.sandbox, SECONDS)
        for _ in range(2):
            original.sandbox.run("cd /; rm -rf /opt/tool /testbed/pkg; export A=2")
            first = original.sandbox
            assert original.restore(state) is original.sandbox is not first
            assert original.sandbox.run('cat /opt/tool; pwd; echo "$A"').output.split() == [
                "installed",
                "/testbed/pkg",
                "1",
            ]
            assert tree_of(original.sandbox, SECONDS) == before

    def test_knows_the_fast_snapshots_from_before_it_and_not_the_later_ones(
        self, original: Snapshots
    ) -> None:
        early = original.take()
        original.sandbox.run("echo 2 >two")
        full = original.take("full")
        late = original.take()
        original.restore(full)
        original.restore(early)
        assert original.sandbox.run("ls two").exit_code != 0
        with pytest.raises(SnapshotError, match="not of this sandbox"):
            original.restore(late)

    def test_leaves_no_image_behind(self, original: Snapshots) -> None:
        before = self.images()
        state = original.take("full")
        clone = original.clone()
        original.restore(state)
        again = clone.take("full")
        assert len(self.images() - before) == 3
        original.close()
        clone.restore(again)
        clone.close()
        assert self.images() <= before

    def test_is_removed_when_its_owner_was_killed(self, original: Snapshots) -> None:
        import subprocess
        import sys

        import docker

        from swe_gym_env.sandbox.committed import reap_images

        script = f"""
import os, signal
from swe_gym_env.sandbox.docker_backend import open_docker
from swe_gym_env.sandbox.snapshots import Snapshots
print(Snapshots(open_docker({IMAGE!r}), open_docker).take("full").image, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
        mine = original.take("full").image
        killed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        orphan = killed.stdout.strip()
        assert orphan in self.images()
        client = docker.from_env()
        try:
            deadline = time.monotonic() + 20
            # Its container ends by itself first.
            while orphan in self.images() and time.monotonic() < deadline:
                reap_images(client.api)
        finally:
            client.close()
        assert orphan not in self.images()
        assert mine in self.images()
