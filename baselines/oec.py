"""OEC, as a row of the comparison: the algorithm itself is `dagger_algo.oec`."""

from baselines.methods import method
from dagger_algo.oec import OECConfig, oec
from dagger_algo.run import Run


@method("oec", OECConfig())
def train(run: Run, config: OECConfig) -> None:
    """See `dagger_algo.oec`."""
    oec(run, config)
