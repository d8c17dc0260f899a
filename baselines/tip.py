"""TIP: on-policy distillation on the tokens that matter (Xu et al. 2026, 2604.14084).

    states      the student's
    actions     the student's
    weights     OPD's at half of the tokens, 0 at the others

It is `opd` with a rule for tokens; `baselines/token_rules.py` has the rules, and says what of the
paper's is estimated.
"""

from baselines import opd
from baselines.methods import method
from dagger_algo.run import Run


@method("tip", opd.OPDConfig(tokens="tip"))
def train(run: Run, config: opd.OPDConfig) -> None:
    """See `baselines/opd.py`."""
    opd.train(run, config)
