"""Environment ids. Importing `swe_gym_env` registers them and does nothing else."""

import gymnasium as gym

TOYS = "swe_gym_env.toy_makers"
BENCHMARKS = "swe_gym_env.benchmark_makers"

MAKERS = {
    "SWEVerified-v0": f"{BENCHMARKS}:make_swe_verified",
    "SWELite-v0": f"{BENCHMARKS}:make_swe_lite",
    "SWEBench-v0": f"{BENCHMARKS}:make_swe_bench",
    "SWEGym-v0": f"{BENCHMARKS}:make_swe_gym",
    "R2EGym-v0": f"{BENCHMARKS}:make_r2e_gym",
    "SWESmith-v0": f"{BENCHMARKS}:make_swe_smith",
    "SWELocal-v0": f"{BENCHMARKS}:make_swe_local",
    "Harbor-v0": f"{BENCHMARKS}:make_harbor",
    "RepairToy-v0": f"{TOYS}:make_repair_toy",
    "Tightrope-v0": f"{TOYS}:make_tightrope",
    "CombinationLock-v0": f"{TOYS}:make_lock",
    "Corridor-v0": f"{TOYS}:make_corridor",
    "Cliff-v0": f"{TOYS}:make_cliff",
    "KeyDoorTree-v0": f"{TOYS}:make_key_door_tree",
    "TextWorld-v0": f"{TOYS}:make_textworld",
}
"""Id -> its maker; beside each stands the maker of many, MAKER_vector."""

_EXACT = (
    "Tightrope-v0",
    "CombinationLock-v0",
    "Corridor-v0",
    "Cliff-v0",
    "KeyDoorTree-v0",
    "TextWorld-v0",
)


def register_all() -> None:
    """Register every id; a second call changes nothing."""
    for env_id, maker in MAKERS.items():
        if env_id not in gym.registry:
            gym.register(
                env_id,
                entry_point=maker,
                vector_entry_point=f"{maker}_vector",
                # Timings and process ids may differ between two runs of the same seed.
                nondeterministic=env_id not in _EXACT,
            )
