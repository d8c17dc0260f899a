"""SWE repair as a Gymnasium environment: text in, text out, tool calls executed in a sandbox."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from swe_gym_env.episode import Episode, EpisodeSnapshot
from swe_gym_env.errors import OptionError, SandboxDied, SandboxUnavailable, TaskError
from swe_gym_env.expert import EditorHands, Hands, ShellHands, Situation, next_call
from swe_gym_env.formats import get_format
from swe_gym_env.grading import GradeReport
from swe_gym_env.observation import truncate
from swe_gym_env.sandbox import Limits, Sandbox, open_sandbox
from swe_gym_env.spaces import UnicodeText
from swe_gym_env.task import Task
from swe_gym_env.tools import MalformedCall, ToolCall, default_tools, validate

_CAT = re.compile(r"cat (-n )?[\w.-]+")


@dataclass(frozen=True)
class RepairOptions:
    """How a repair environment behaves, whatever its tasks.

    backend: "isolated" (bubblewrap or unshare), "docker", or "local" (no isolation: unsafe).
    image: container image for the docker backend; a task's own image comes first.
    tool_format: "qwen_coder", "hermes" or "bash_block": how actions are written.
    max_turns: an episode is truncated after this many.
    observation_limit: characters; longer ones lose their middle.
    expert: put `info["expert_action"]` into every reset and step.
    privileged: put the answer (`info["privileged"]`) and per-test grades into `info`.
    reward: "ours" (the verdict after integrity checks) or "benchmark" (the benchmark's own).
    grade_truncated: also grade what an episode that ran out of turns left behind.
    network: whether the agent's commands reach the network; grade_network: the hidden tests.
    command_seconds: time limit of one command. grade_seconds: of the hidden tests.
    memory_mb, processes, disk_mb, cpus: what the sandbox may use; grade_memory_mb and
        grade_processes: what that of the hidden tests may, None for the same.
    platform: of the images, such as "linux/amd64"; by default what their names promise.
    registry_mirror: pull from there instead (see `swe_gym_env.images`).
    image_budget_gb: pulled images that were not used for longest go when they take more than this.
    warm: docker only: so many more containers per image are kept ready, and `reset` takes one.
    """

    backend: str = "isolated"
    image: str | None = None
    tool_format: str = "qwen_coder"
    max_turns: int = 30
    observation_limit: int = 10_000
    expert: bool = False
    privileged: bool = False
    reward: str = "ours"
    grade_truncated: bool = False
    network: bool = False
    grade_network: bool = False
    command_seconds: float = 10.0
    grade_seconds: float = 60.0
    memory_mb: int = 512
    processes: int = 64
    disk_mb: int = 64
    cpus: float | None = None
    grade_memory_mb: int | None = None
    grade_processes: int | None = None
    platform: str | None = None
    registry_mirror: str | None = None
    image_budget_gb: float | None = None
    warm: int = 0

    def __post_init__(self) -> None:
        for name in ("max_turns", "observation_limit", "command_seconds", "grade_seconds"):
            if getattr(self, name) <= 0:
                raise OptionError(f"{name} must be above 0, not {getattr(self, name)!r}")
        if self.reward not in ("ours", "benchmark"):
            raise OptionError(f"reward is {self.reward!r}; expected 'ours' or 'benchmark'")


class RepairEnv(gym.Env[str, str]):
    """An agent repairs one task per episode.

    The first observation is the whole instruction. An action is a text with one tool call; what
    comes back is what the tool says. `submit` ends the episode, and the reward is then 1.0 if the
    hidden tests pass and 0.0 if not. A text without a valid call costs a turn and gets an
    observation that teaches; `unreadable` tells that observation beforehand. When the sandbox
    itself breaks, the episode is truncated with `info["infra_failure"]`: that says nothing about
    the agent.

    `reset(seed=n)` gives task n of the split in a fixed shuffled order, so that seeds 0, 1, 2, ...
    go through all of them; without a seed the task is drawn at random.
    `reset(options={"task": id})` gives that task.

    info: "task" (id), "turn"; at the end of a graded episode "resolved" and "grade".

    Attributes:
        tool_format: the name of the format in which actions are written.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        load_tasks: Callable[[], Sequence[Task]],
        options: RepairOptions = RepairOptions(),
        render_mode: str | None = None,
    ) -> None:
        self._load_tasks = load_tasks
        self.options = options
        self.render_mode = render_mode
        self.format = get_format(options.tool_format)
        self.tool_format = self.format.name
        bash_only = options.tool_format == "bash_block"
        self.tools = tuple(t for t in default_tools() if t.name != "editor" or not bash_only)
        self._hands: Hands = ShellHands() if bash_only else EditorHands()
        self.observation_space = UnicodeText(1_000_000)
        self.action_space = UnicodeText(1_000_000)
        self._episode: Episode | None = None

    @cached_property
    def tasks(self) -> Mapping[str, Task]:
        """Every task of this environment by id, in the order in which seeds go through them."""
        tasks = list(self._load_tasks())
        if not tasks:
            raise TaskError("there are no tasks to choose from; name a split or dataset with some")
        order = np.random.default_rng(0).permutation(len(tasks))
        return {tasks[i].id: tasks[i] for i in order}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        self.close()
        self.task = self._choose(seed, options or {})
        self._episode = self._begin()
        observation = truncate(self._instruction(), self.options.observation_limit)
        self._episode.note(transcript=(observation,))
        return observation, self._info()

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        episode = self._running()
        try:
            observation, submitted = self._execute(action)
            observation = truncate(observation, self.options.observation_limit)
            episode.note(transcript=(*episode.history.transcript, action, observation))
            truncated = not submitted and episode.history.turn >= self.options.max_turns
            graded = submitted or (truncated and self.options.grade_truncated)
            report = self._grade() if graded else None
            info = self._info(report)
        except (SandboxDied, SandboxUnavailable) as death:
            self.close()
            turn = episode.history.turn
            info = {"task": self.task.id, "turn": turn, "infra_failure": str(death)}
            return f"[the sandbox broke: {death}]", 0.0, False, True, info
        if submitted or truncated:
            episode.end()
        return observation, self._reward(report), submitted, truncated, info

    def unreadable(self, action: str) -> str | None:
        """What `step` would answer to a text without a valid call; None where the call is valid.

        Needs no episode and no sandbox; may be asked from many threads at once.
        """
        try:
            self._read(action)
        except MalformedCall as lesson:
            return truncate(str(lesson), self.options.observation_limit)
        return None

    def render(self) -> str | None:
        """The conversation so far, as text."""
        if self.render_mode != "ansi":
            return None
        speakers = ("ENVIRONMENT", "AGENT")
        said = self._episode.history.transcript if self._episode else ()
        return "\n\n".join(f"{speakers[i % 2]}: {text}" for i, text in enumerate(said))

    def close(self) -> None:
        """End the sandbox, if there is one; may be called at any time."""
        if self._episode is not None:
            self._episode.close()

    def snapshot(self, tier: Literal["fast", "full"] = "fast") -> EpisodeSnapshot:
        """The state of the running episode, to go back to with `restore` until it is closed.

        tier: "fast" keeps the work tree, in tens of milliseconds; "full" (docker only) every file
            of the container. `swe_gym_env.sandbox.snapshots` says what each leaves out.
        """
        return self._running().snapshot(tier)

    def restore(self, snapshot: EpisodeSnapshot) -> tuple[str, dict[str, Any]]:
        """Go back to a state of this episode, also after its end; as often as you like.

        Returns that state's observation and info, as `reset` and `step` gave them.
        """
        if self._episode is None or self._episode.task is not snapshot.task:
            raise OptionError("this snapshot is of another episode: restore it before reset()")
        self._episode.restore(snapshot)
        return snapshot.history.transcript[-1], self._info()

    def clone(self) -> "RepairEnv":
        """Another environment in the same state of the same episode; close both.

        With docker it has every file of the container, elsewhere the work tree.
        """
        twin = RepairEnv(lambda: tuple(self.tasks.values()), self.options, self.render_mode)
        twin.__dict__["tasks"] = self.tasks
        twin.task = self.task
        twin._episode = self._running().clone()
        return twin

    def _running(self) -> Episode:
        if self._episode is None or self._episode.over:
            raise gym.error.ResetNeeded("the episode is over or never began: call reset() first")
        return self._episode

    def _choose(self, seed: int | None, options: Mapping[str, Any]) -> Task:
        if unknown := sorted(set(options) - {"task"}):
            raise OptionError(f"reset knows the option 'task', not {unknown[0]!r}")
        if "task" in options:
            wanted = str(options["task"])
            if wanted not in self.tasks:
                near = difflib.get_close_matches(wanted, self.tasks, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise OptionError(f"no task {wanted!r} among these {len(self.tasks)}{hint}")
            return self.tasks[wanted]
        count = len(self.tasks)
        index = int(self.np_random.integers(count)) if seed is None else seed % count
        return list(self.tasks.values())[index]

    def _begin(self) -> Episode:
        """An episode in the task's first state."""
        task, options = self.task, self.options
        if options.expert and not task.privileged.gold_files:
            raise OptionError(f"expert=True: no expert knows the way through {task.id}")
        sandbox = self.open_sandbox(task)
        episode = Episode(
            task,
            sandbox,
            lambda image: self.open_sandbox(task, image=image),
            options.command_seconds,
        )
        try:
            task.harness.prepare(task, sandbox)
        except BaseException:
            episode.close()
            raise
        if task.files:
            files = {path: text.encode() for path, text in task.files.items()}
            episode.note(files=files, directory=sandbox.workdir)
        return episode

    def open_sandbox(
        self, task: Task, *, grading: bool = False, image: str | None = None
    ) -> Sandbox:
        """A fresh sandbox for a task, as its episodes have it, or as its hidden tests do.

        image: instead of the task's own. The caller closes it.
        """
        o = self.options
        limits = Limits(o.command_seconds, o.memory_mb, o.processes, o.disk_mb, cpus=o.cpus)
        if grading:
            memory, processes = o.grade_memory_mb, o.grade_processes
            limits = replace(
                limits,
                memory_mb=memory or limits.memory_mb,
                processes=processes or limits.processes,
            )
        return open_sandbox(
            o.backend,
            image=image or task.image or o.image,
            workdir=task.workdir,
            limits=limits,
            network=o.grade_network if grading else o.network,
            platform=o.platform,
            mirror=o.registry_mirror,
            image_budget_gb=o.image_budget_gb,
            warm=0 if grading or image else o.warm,
            # What a benchmark's tests find in its images' /tmp must be there.
            limit_tmp=not grading,
        )

    def _instruction(self) -> str:
        test = self.task.test_command
        then = (
            f"Run the tests with: {test}\nWhen they pass, call submit."
            if test
            else "Repair it there, see for yourself that it works, then call submit."
        )
        return (
            f"{self.task.statement}\n\n"
            f"The work tree is {self._running().sandbox.workdir}. {then}\n\n"
            f"{self.format.instructions(self.tools)}"
        )

    def _read(self, action: str) -> ToolCall:
        return validate(self.format.parse(action), self.tools)

    def _execute(self, action: str) -> tuple[str, bool]:
        """Do what an action says: the observation, and whether the agent submitted."""
        try:
            call = self._read(action)
        except MalformedCall as lesson:
            return str(lesson), False
        tool = next(tool for tool in self.tools if tool.name == call.name)
        episode = self._running()
        context = episode.context()
        result = tool.execute(call.arguments, context)
        episode.note(calls=(*episode.history.calls, call), edits=tuple(context.edits))
        if not self._only_looks(call):
            episode.note(files=None)
        return result.observation, result.submitted

    def _grade(self) -> GradeReport:
        submission = self.task.harness.submission(self.task, self._running().sandbox)

        def judge() -> GradeReport:
            return self.task.harness.grade(
                self.task,
                submission,
                lambda: self.open_sandbox(self.task, grading=True),
                self.options.grade_seconds,
            )

        try:
            return judge()
        except (SandboxDied, SandboxUnavailable):
            # A sandbox that broke says nothing about the repair; twice in a row is reported.
            return judge()

    def _reward(self, report: GradeReport | None) -> float:
        if report is None:
            return 0.0
        return float(report.benchmark if self.options.reward == "benchmark" else report.resolved)

    def _info(self, report: GradeReport | None = None) -> dict[str, Any]:
        assert self._episode is not None
        info: dict[str, Any] = {"task": self.task.id, "turn": self._episode.history.turn}
        if report is not None:
            info |= {"resolved": report.resolved, "grade": report.public()}
            if report.integrity:
                info["integrity"] = [asdict(flag) for flag in report.integrity]
        elif self.options.expert:
            info["expert_action"] = self.expert_action()
        if self.options.privileged:
            info["privileged"] = self.task.privileged
            if report is not None:
                info["report"] = report
        return info

    def expert_action(self) -> str:
        """What a privileged expert would do in the present state, in this environment's format."""
        episode = self._running()
        box = episode.sandbox
        if episode.history.files is None:
            episode.note(files=box.read_files(), directory=box.directory())
        past = episode.history
        assert past.files is not None
        now = Situation(past.files, past.calls, past.edits, box.workdir, past.directory)
        return self.format.render(next_call(self.task, now, self._hands))

    def _only_looks(self, call: ToolCall) -> bool:
        """Surely leaves files and directory as they are, so the expert need not look again."""
        command = str(call.arguments.get("command"))
        if call.name == "editor":
            return command == "view"
        return command == self.task.test_command or _CAT.fullmatch(command) is not None
