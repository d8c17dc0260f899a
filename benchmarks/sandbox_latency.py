"""What one command in a running sandbox costs, and what a new sandbox costs.

Peers: `docker exec` from the command line, docker-py's `exec_run`, mini-swe-agent's
    DockerEnvironment and SWE-ReX's bash session (latency_peers.py), in containers of the same
    image; for scale also our isolated backend.
Work: `true`; `/bin/true`, for which a shell must fork; 1 MB of output in lines. From the call to
    the returned result, in rounds that visit every side, medians. Then: a sandbox opened from a
    warm pool until it has answered its first command; and 16 of our containers at once, each
    driven by its own thread with no-op steps.
Target: ours, docker, takes at least 30 times less than every peer for `true`, 15 times for
    `/bin/true`, 3 times for 1 MB; a reset from the warm pool takes at most 60 ms; 16 containers
    make at least 1,500 steps per second.
"""

import argparse
import json
import os
import statistics
import sys
import threading
import time
from contextlib import ExitStack

from latency_peers import PEERS, Missing, Run, versions

from swe_gym_env.errors import SandboxUnavailable
from swe_gym_env.sandbox import Limits, open_sandbox

LIMITS = Limits(output_bytes=4_000_000, memory_mb=512)
LINES = 158_730
COMMANDS = {"true": "true", "fork": "/bin/true", "1 MB": f"seq {LINES}"}
RATIOS = {"true": 30.0, "fork": 15.0, "1 MB": 3.0}
RESET_MS = 60.0
CONTAINERS = 16
STEPS_PER_SECOND = 1500.0
OURS = "ours, docker"


def open_sides(image: str, stack: ExitStack) -> tuple[dict[str, Run], dict[str, str]]:
    """Return the sides that there are here, and why the others are missing."""
    sides: dict[str, Run] = {}
    missing: dict[str, str] = {}
    try:
        docker = stack.enter_context(open_sandbox("docker", image=image, limits=LIMITS))
        sides[OURS] = lambda command: docker.run(command).output
    except SandboxUnavailable as error:
        missing[OURS] = str(error)
        return sides, missing
    try:
        isolated = stack.enter_context(open_sandbox("isolated", limits=LIMITS))
        sides["ours, isolated"] = lambda command: isolated.run(command).output
    except SandboxUnavailable as error:
        print(f"(no isolated backend here: {error})", file=sys.stderr)
    for name, open_peer in PEERS.items():
        try:
            sides[name] = open_peer(image, stack)
        except Missing as reason:
            missing[name] = str(reason)
    return sides, missing


def check_work(sides: dict[str, Run]) -> None:
    """Every side does the same work: the whole output comes back."""
    expected = [str(number) for number in range(1, LINES + 1)]
    for side, run in sides.items():
        lines = run(COMMANDS["1 MB"]).split()
        if lines != expected:
            raise SystemExit(f"{side} gave back {len(lines)} of {LINES} lines")


def measure(sides: dict[str, Run], rounds: int) -> dict[str, dict[str, float]]:
    """Median milliseconds by side and command; each round visits every side."""
    samples: dict[str, dict[str, list[float]]] = {
        side: {name: [] for name in COMMANDS} for side in sides
    }
    for turn in range(rounds + 1):
        for side, run in sides.items():
            for name, command in COMMANDS.items():
                # A shell that stays open is so quick that one sample would be mostly noise.
                for _ in range(5 if side.startswith("ours") else 1):
                    started = time.perf_counter()
                    run(command)
                    elapsed = time.perf_counter() - started
                    if turn:  # The first round only warms up.
                        samples[side][name].append(elapsed * 1000)
    return {
        side: {name: round(statistics.median(values), 4) for name, values in of.items()}
        for side, of in samples.items()
    }


def measure_reset(image: str, repeats: int, warm: int) -> float:
    """Median milliseconds until a new sandbox has answered its first command.

    warm: how many the pool keeps ready; 0 for none. Between two resets passes the time that an
    episode takes at the least, in which the pool fills up again.
    """
    samples = []
    for turn in range(repeats + 1):
        if warm:
            _wait_for_pool()
        started = time.perf_counter()
        sandbox = open_sandbox("docker", image=image, limits=LIMITS, warm=warm)
        sandbox.run("true")
        elapsed = time.perf_counter() - started
        sandbox.close()
        if turn:  # The first one starts the pool.
            samples.append(elapsed * 1000)
    return round(statistics.median(samples), 2)


def _wait_for_pool() -> None:
    from swe_gym_env.sandbox import pool

    until = time.monotonic() + 20
    while not pool.shared().full() and time.monotonic() < until:
        time.sleep(0.02)


def measure_throughput(image: str, seconds: float) -> float:
    """No-op steps per second of 16 containers at once, each driven by a thread."""
    with ExitStack() as stack:
        sandboxes = [
            stack.enter_context(open_sandbox("docker", image=image, limits=LIMITS))
            for _ in range(CONTAINERS)
        ]
        counts = [0] * CONTAINERS
        begin = threading.Barrier(CONTAINERS + 1)
        end = 0.0

        def drive(index: int) -> None:
            run = sandboxes[index].run
            run("true")
            begin.wait()
            while time.perf_counter() < end:
                run("true")
                counts[index] += 1

        threads = [threading.Thread(target=drive, args=(i,)) for i in range(CONTAINERS)]
        for thread in threads:
            thread.start()
        end = time.perf_counter() + 3600
        begin.wait()
        started = time.perf_counter()
        end = started + seconds
        for thread in threads:
            thread.join()
        return round(sum(counts) / (time.perf_counter() - started), 1)


def compare(medians: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """How many times more each peer takes than ours in docker, by command."""
    ours = medians[OURS]
    return {
        side: {name: round(of[name] / ours[name], 1) for name in COMMANDS}
        for side, of in medians.items()
        if side in PEERS
    }


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under two minutes")
    parser.add_argument("--check", action="store_true", help="exit 1 when the target is missed")
    parser.add_argument("--image", default="swe-gym-base:bookworm", help="image of all containers")
    options = parser.parse_args()
    rounds, resets, seconds = (15, 5, 3.0) if options.quick else (60, 15, 10.0)
    with ExitStack() as stack:
        sides, missing = open_sides(options.image, stack)
        if OURS not in sides:
            print(json.dumps({"benchmark": "sandbox_latency", "missing": missing, "met": False}))
            return 1 if options.check else 0
        check_work(sides)
        medians = measure(sides, rounds)
    cold = measure_reset(options.image, resets, warm=0)
    warm = measure_reset(options.image, resets, warm=2)
    throughput = measure_throughput(options.image, seconds)
    ratios = compare(medians)

    print(f"{'median ms':22}" + "".join(f"{name:>11}" for name in COMMANDS))
    for side, of in medians.items():
        line = f"{side:22}" + "".join(f"{of[name]:11.3f}" for name in COMMANDS)
        if side in ratios:
            line += "   " + "  ".join(f"{ratios[side][name]:g}x" for name in COMMANDS)
        print(line)
    for side, reason in missing.items():
        print(f"{side:22}  skipped: {reason}")
    print(f"reset: {warm:.1f} ms from a warm pool, {cold:.1f} ms without")
    print(f"{CONTAINERS} containers: {throughput:,.0f} no-op steps per second")
    met = {
        f"{name}: {r:g}x": all(of[name] >= r for of in ratios.values())
        for name, r in RATIOS.items()
    }
    met |= {
        "all peers": not missing,
        f"reset <= {RESET_MS:g} ms": warm <= RESET_MS,
        f"{STEPS_PER_SECOND:g} steps/s": throughput >= STEPS_PER_SECOND,
    }
    for target, reached in met.items():
        print(f"{'met   ' if reached else 'MISSED'} {target}")
    figures = {
        "benchmark": "sandbox_latency",
        "rounds": rounds,
        "cores": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
        "versions": versions(),
        "median_ms": medians,
        "times_ours": ratios,
        "reset_ms": {"warm": warm, "cold": cold},
        "steps_per_second": {"containers": CONTAINERS, "steps": throughput},
        "missing": missing,
        "targets": met,
        "met": all(met.values()),
    }
    print(json.dumps(figures))
    return 0 if figures["met"] or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
