"""What a run on real hardware takes, before it is started: memory, hours, tokens, disk.

Every figure is a formula over a few assumptions that the recipe states; none is measured here.
They are good to a factor of two, which is enough to see what fits and what dominates.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from dagger_algo.ledger import Budget

GIB = 2**30
_LOGITS = 3 * 2**25 * 4
"""Bytes of one chunk of logits with its softmax and its gradient (`lm/logprobs.py`)."""


@dataclass(frozen=True)
class Shape:
    """What a transformer's cost depends on."""

    parameters: float = 0.0
    """All of them."""
    layers: int = 0
    hidden: int = 0
    heads: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    active: float | None = None
    """Parameters that one token goes through, where that is not all (mixtures of experts)."""

    @property
    def per_token(self) -> float:
        """Parameters that one token goes through."""
        return self.active or self.parameters

    @property
    def kv_bytes(self) -> int:
        """Bytes of keys and values of one token, in bfloat16."""
        return 2 * self.layers * self.kv_heads * self.head_dim * 2

    def flops(self, length: float) -> float:
        """Of the forward pass, per token of a causal sequence of `length`: 2 per parameter, and 4
        · layers · heads · head_dim per token attended to, on average half the length (Kaplan et
        al. 2020, table 1)."""
        return 2 * self.per_token + 2 * self.layers * self.heads * self.head_dim * length


@dataclass(frozen=True)
class Gpus:
    """Hardware that one model has to itself."""

    count: int = 4
    memory_gib: float = 80.0
    teraflops: float = 989.0
    """Dense bfloat16 peak of one (H100 SXM: 989)."""
    terabytes: float = 3.35
    """Memory bandwidth of one, TB/s."""
    training_use: float = 0.35
    """Share of the peak that training reaches."""
    decoding_use: float = 0.5
    """Share of the bandwidth that decoding reaches."""


@dataclass(frozen=True)
class Scale:
    """The assumptions that a recipe is priced by."""

    student: Shape = field(default_factory=Shape)
    teacher: Shape = field(default_factory=Shape)
    student_gpus: Gpus = field(default_factory=Gpus)
    teacher_gpus: Gpus = field(default_factory=Gpus)
    turns: float = 40.0
    """Of an episode, on average."""
    instruction: float = 3_000.0
    """Tokens of the first observation."""
    observation: float = 700.0
    """Tokens of every later one."""
    action: float = 200.0
    """Tokens of a student's turn."""
    label: float = 200.0
    """Tokens of a teacher's."""
    context: int = 65_536
    """Most tokens of a conversation."""
    parallel: int = 64
    """Episodes under way at the same time."""
    step_seconds: float = 1.0
    """What the sandbox takes for a turn."""
    lora_parameters: float | None = None
    """Parameters of the adapters, when only they are trained."""
    gradient_checkpointing: bool = True
    forward_tokens: int = 65_536
    """Tokens that go through the model at once in training."""
    images: int = 0
    """Docker images of the tasks."""
    image_gib: float = 1.0
    """Disk of one, layers shared with others counted once."""
    gpu_hour: float = 2.5
    """Price of one GPU for an hour."""
    teacher_in: float | None = None
    """Price of a million tokens read, when the teacher is hosted; then it needs no GPU of ours."""
    teacher_out: float | None = None
    """Price of a million tokens written."""

    @property
    def trajectory(self) -> float:
        """Tokens of an episode."""
        whole = self.instruction + self.turns * (self.observation + self.action)
        return min(self.context, whole)

    @property
    def disk_gib(self) -> float:
        """Disk of all images."""
        return self.images * self.image_gib


@dataclass(frozen=True)
class Use:
    """What a method asks for, turn by turn.

    student: share of turns that the student acts in. teacher: answers every turn, scores the
    student's tokens, or is not there. grows: every fit is on all data so far.
    """

    student: float
    teacher: Literal["answers", "scores", "absent"]
    grows: bool = False


USES = {
    **dict.fromkeys(("sft", "rft", "srft"), Use(0.0, "answers", grows=True)),
    "dagger": Use(0.3, "answers", grows=True),
    "oec": Use(0.5, "answers", grows=True),
    "expert_iteration": Use(1.0, "absent", grows=True),
    **dict.fromkeys(("grpo", "dr_grpo", "dapo", "rloo", "gspo", "ppo"), Use(1.0, "absent")),
    **dict.fromkeys(("opd", "exopd", "tip"), Use(1.0, "scores")),
    "gkd": Use(0.5, "scores"),
}
"""Bundled methods; dagger's share is that of the paper's β: 1 - mean(1, 0.8, 0.6, 0.6, 0.6)."""


@dataclass(frozen=True)
class Price:
    """What one cell takes.

    Memory is GiB on one GPU; hours are wall-clock, and GPU hours those times the GPUs held.
    """

    training_gib: float
    acting_gib: float
    teacher_gib: float
    collecting_hours: float
    training_hours: float
    evaluating_hours: float
    gpu_hours: float
    tokens_trained: float
    teacher_read: float
    teacher_written: float
    money: float

    def too_large(self, scale: Scale) -> list[str]:
        """What does not fit, in sentences."""
        rooms = [
            ("training the student", self.training_gib, scale.student_gpus),
            ("the student's roll-outs", self.acting_gib, scale.student_gpus),
            ("the teacher", self.teacher_gib, scale.teacher_gpus),
        ]
        return [
            f"{what} takes about {need:.0f} GiB a GPU, and one has {gpus.memory_gib:.0f}"
            for what, need, gpus in rooms
            if need > gpus.memory_gib
        ]


def together(parts: Sequence[Price]) -> Price:
    """Of what is done in turn by one cell: the most memory, and the sum of all else."""
    rows = [asdict(part) for part in parts]
    return Price(
        **{
            name: (max if name.endswith("_gib") else sum)(row[name] for row in rows)
            for name in rows[0]
        }
    )


def price(
    scale: Scale,
    use: Use,
    budget: Budget,
    rounds: int = 5,
    epochs: int = 3,
    heldout: float = 0.0,
) -> Price:
    """A method's cost at a budget of environment steps, spent evenly over `rounds` fits.

    heldout: episodes of all evaluations, in which the student acts alone and no teacher is asked;
    what GPUs the teacher holds, it holds meanwhile, as it does while the student is trained.
    """
    episodes = budget.env_steps / scale.turns
    written = episodes * scale.turns * scale.label if use.teacher == "answers" else 0.0
    if budget.teacher_tokens:
        written = min(written, float(budget.teacher_tokens))
    read = 0.0 if use.teacher == "absent" else episodes * scale.trajectory
    hosted = scale.teacher_in is not None

    # Branches are the labels that were not executed; a fit on all data so far sees round one
    # `rounds` times, the last one once.
    branches = scale.turns * scale.label * use.student if use.teacher == "answers" else 0.0
    fits = (rounds + 1) / 2 if use.grows else 1.0
    trained = episodes * (scale.trajectory + branches) * fits * epochs
    passes = 4.0 if scale.gradient_checkpointing else 3.0
    training = (passes * scale.student.flops(scale.trajectory) * trained) / _flops(
        scale.student_gpus
    )

    turn = scale.step_seconds
    if use.student:
        turn += use.student * scale.action * _token_seconds(scale, scale.student)
    if use.teacher == "answers" and not hosted:
        turn += scale.label * _token_seconds(scale, scale.teacher)
    waves = episodes / scale.parallel
    prefill = episodes * scale.trajectory * scale.student.flops(scale.trajectory)
    collecting = waves * scale.turns * turn + use.student * prefill / _flops(scale.student_gpus)
    if read and not hosted:
        work = read * scale.teacher.flops(scale.trajectory)
        collecting += work / _flops(scale.teacher_gpus)

    evaluating = heldout * (
        scale.turns
        * (scale.step_seconds + scale.action * _token_seconds(scale, scale.student))
        / scale.parallel
        + scale.trajectory * scale.student.flops(scale.trajectory) / _flops(scale.student_gpus)
    )

    held = scale.student_gpus.count
    if use.teacher != "absent" and not hosted:
        held += scale.teacher_gpus.count
    hours = (collecting + training + evaluating) / 3600
    bill = hours * held * scale.gpu_hour
    if scale.teacher_in is not None:
        bill += (read * scale.teacher_in + written * (scale.teacher_out or 0.0)) / 1e6
    return Price(
        training_gib=training_bytes(scale) / GIB,
        acting_gib=serving_bytes(scale, scale.student, scale.student_gpus) / GIB,
        teacher_gib=0.0
        if hosted or use.teacher == "absent"
        else serving_bytes(scale, scale.teacher, scale.teacher_gpus) / GIB,
        collecting_hours=collecting / 3600,
        training_hours=training / 3600,
        evaluating_hours=evaluating / 3600,
        gpu_hours=hours * held,
        tokens_trained=trained,
        teacher_read=read,
        teacher_written=written,
        money=bill,
    )


def training_bytes(scale: Scale) -> float:
    """On one GPU; every process holds the whole model. All parameters: 16 bytes each (float32
    weights, gradients and Adam's two moments) and 2 for bfloat16 copies; adapters: the same for
    theirs, and 2 for each frozen one. Activations: float32 hidden states of every layer (kept by
    checkpointing; without it about 34 bytes a hidden unit and layer, Korthikanti et al. 2022), one
    layer's recomputation, and one chunk of logits. A trajectory goes through in one pass, however
    long it is."""
    shape = scale.student
    if scale.lora_parameters is None:
        weights = 18 * shape.parameters
    else:
        weights = 2 * shape.parameters + 18 * scale.lora_parameters
    layer = 34 * shape.hidden
    kept = 4 * shape.hidden * shape.layers + layer
    if not scale.gradient_checkpointing:
        kept = layer * shape.layers
    return weights + kept * max(scale.forward_tokens, scale.trajectory) + _LOGITS


def serving_bytes(scale: Scale, shape: Shape, gpus: Gpus) -> float:
    """On one GPU of `gpus`, over which weights and cache are split: bfloat16 weights, and keys and
    values of all episodes under way at their full length."""
    cache = shape.kv_bytes * scale.parallel * scale.trajectory
    return (2 * shape.parameters + cache) / gpus.count


def _token_seconds(scale: Scale, shape: Shape) -> float:
    """Of one token in all episodes under way: the weights and half the cache are read once, or the
    arithmetic is done, whichever takes longer."""
    gpus = scale.student_gpus if shape is scale.student else scale.teacher_gpus
    cache = shape.kv_bytes * scale.parallel * scale.trajectory / 2
    reading = (2 * shape.parameters + cache) / (
        gpus.terabytes * 1e12 * gpus.count * gpus.decoding_use
    )
    return max(reading, scale.parallel * shape.flops(scale.trajectory) / _flops(gpus))


def _flops(gpus: Gpus) -> float:
    return gpus.teraflops * 1e12 * gpus.count * gpus.training_use
