"""TRL's GKD loss on fixed logits: python tests/data/trl_gkd.py > tests/data/trl_gkd.json

Needs TRL (1.16 made the file), which is no dependency of the project.
"""

import json
from typing import Any

import torch
from trl.experimental.gkd import GKDTrainer

BETAS = [0.0, 0.1, 0.5, 0.9, 1.0]
PLACES, VOCABULARY = 6, 7


def numbers(student: torch.Tensor, teacher: torch.Tensor, beta: float) -> dict[str, Any]:
    """The divergence in every place, and the gradient of their mean by the student's logits."""
    logits = student.clone().requires_grad_()
    labels = torch.zeros(1, PLACES, dtype=torch.long)
    loss = GKDTrainer.generalized_jsd_loss
    each = loss(logits[None], teacher[None], labels=labels, beta=beta, reduction="none").sum(-1)
    mean = loss(logits[None], teacher[None], labels=labels, beta=beta)
    mean.backward()
    assert logits.grad is not None
    return {
        "beta": beta,
        "divergence": each.tolist(),
        "loss": mean.item(),
        "gradient": logits.grad.tolist(),
    }


def everything() -> dict[str, Any]:
    """Inputs and TRL's numbers, as JSON."""
    some = torch.Generator().manual_seed(0)
    student, teacher = (
        2 * torch.randn((PLACES, VOCABULARY), generator=some, dtype=torch.float64) for _ in "st"
    )
    teacher[0] = student[0] + 1.0  # the same distribution
    teacher[1, 3] += 8.0  # a teacher that is all but certain
    cases = [numbers(student, teacher, beta) for beta in BETAS]
    return {"student": student.tolist(), "teacher": teacher.tolist(), "trl": cases}


if __name__ == "__main__":
    print(json.dumps(everything(), indent=1))
