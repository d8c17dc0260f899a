"""A script in several processes, as accelerate and torchrun start them."""

import os
import socket
import subprocess
import sys
from pathlib import Path


def launch(script: str, count: int, *args: Path | str) -> list[tuple[int, str]]:
    """Exit status and output of each process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    workers = []
    for rank in range(count):
        names = {**group, "RANK": str(rank), "LOCAL_RANK": str(rank)} if count > 1 else {}
        workers.append(
            subprocess.Popen(
                [sys.executable, "-c", script, *map(str, args)],
                env={**os.environ, **names, "OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )
    try:
        said = [worker.communicate(timeout=120)[0].decode() for worker in workers]
        return [(worker.returncode, each) for worker, each in zip(workers, said, strict=True)]
    finally:
        for worker in workers:
            worker.kill()
