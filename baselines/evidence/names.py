"""How methods and differences are written in prose, in tables and in figures."""

from pathlib import Path

_NAMES = {
    "sft": "SFT",
    "rft": "RFT",
    "srft": "SRFT",
    "dagger": "DAgger",
    "oec": "OEC",
    "grpo": "GRPO",
    "dr_grpo": "Dr. GRPO",
    "dapo": "DAPO",
    "rloo": "RLOO",
    "gspo": "GSPO",
    "ppo": "PPO",
    "opd": "OPD",
    "tip": "TIP",
    "gkd": "GKD",
    "exopd": "ExOPD",
    "expert_iteration": "expert iteration",
    "sft_rlvr": "SFT→RLVR",
    "dagger_rlvr": "DAgger→RLVR",
    "warm start": "the warm start",
}


def label(method: str) -> str:
    """How a method is written in prose: "DAgger (linear)" for dagger@linear."""
    stem = Path(method).stem if method.endswith(".py") else method
    name, _, variant = stem.partition("@")
    return _NAMES.get(name, name) + (f" ({variant})" if variant else "")


def listed(names: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])


def signed(share: float) -> str:
    """A difference in points: "+15.0", "−10.0"."""
    return f"{share * 100:+.1f}".replace("-", "−")


def bare(share: float) -> str:
    """An end of a difference's interval in points: "15.0", "−10.0"."""
    return f"{share * 100:.1f}".replace("-", "−")
