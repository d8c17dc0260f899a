"""Text environments that run in microseconds, each with an expert that is right in every state."""

from swe_gym_env.toys.cliff import Cliff
from swe_gym_env.toys.corridor import Corridor
from swe_gym_env.toys.key_door_tree import KeyDoorTree
from swe_gym_env.toys.lock import CombinationLock
from swe_gym_env.toys.tightrope import Tightrope

__all__ = ["Cliff", "CombinationLock", "Corridor", "KeyDoorTree", "Tightrope"]
