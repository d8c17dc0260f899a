"""Each thing that ruins training in silence, brought about for real, is found and named."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from dagger_algo.conversation import Action
from dagger_algo.examples import Example, Target
from dagger_algo.lm.codec import ChatCodec
from dagger_algo.lm.lint import Report, lint
from dagger_algo.lm.logprobs import head_logprobs
from dagger_algo.lm.packing import Batch, Packed, pack
from dagger_algo.policies.lm import LMPolicy

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="module")
def policy(tiny_checkpoint: Any) -> LMPolicy:
    return LMPolicy.load(tiny_checkpoint)


@pytest.fixture(scope="module")
def codec(policy: LMPolicy) -> ChatCodec:
    return policy.codec


def make_codec(template: str = CHATML, **how: Any) -> ChatCodec:
    """A small byte-level tokenizer with ChatML's tokens, as special as `how` says."""
    special = how.get("special", ["<|pad|>", "<|im_start|>", "<|im_end|>"])
    tokenizer = Tokenizer(models.BPE(unk_token=special[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = how.get("alphabet", pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(how.get("texts", []), trainer)
    wrapped = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token=special[0], eos_token="<|im_end|>"
    )
    wrapped.add_tokens(["<|im_start|>"])
    wrapped.chat_template = template
    return ChatCodec(wrapped)


EXAMPLE = Example(
    ("say 1\n", "say 2\n", "say 3\n"),
    (Action("1"), Action("0"), Action("3")),
    (Target(0, Action("1"), 1.0), Target(1, Action("2 then"), 1.0), Target(2, Action("3"), 1.0)),
)


def only(report: Report) -> str:
    (finding,) = report.failures
    return f"{finding.kind}: {finding.sentence}"


def test_what_is_trained_on_is_shown_to_the_character(codec: ChatCodec) -> None:
    report = lint([EXAMPLE], codec)
    assert report.findings == ()
    assert (
        "<|user|>say 1\n<|assistant|>⟦1<|end|>⟧<|user|>say 2\n<|assistant|>⟦2 then<|end|>⟧\n"
        "— executed: 0<|end|><|user|>say 3\n<|assistant|>⟦3<|end|>⟧" in str(report)
    )
    assert report.trained == sum(len(codec.action_ids(t.action)) for t in EXAMPLE.targets)


def test_a_sound_batch_passes_with_a_real_model(policy: LMPolicy) -> None:
    examples = [EXAMPLE, replace(EXAMPLE, targets=EXAMPLE.targets[1:])]
    assert lint(examples, policy.codec, policy.model).findings == ()


def test_a_token_without_weight_is_not_shown_as_trained_on(codec: ChatCodec) -> None:
    count = len(codec.action_ids(Action("2 then")))
    last = replace(EXAMPLE.targets[1], weight=(0.0,) * (count - 1) + (1.0,))
    none = replace(EXAMPLE.targets[0], weight=0.0)
    report = lint([replace(EXAMPLE, targets=(none, last))], codec)
    assert not report.failures and report.trained == 1
    assert "<|assistant|>1<|end|><|user|>say 2\n<|assistant|>2 then⟦<|end|>⟧" in str(report)


def test_an_episode_without_labels_is_an_empty_mask(codec: ChatCodec) -> None:
    report = lint([replace(EXAMPLE, targets=())], codec, names=["'7/0/1'"])
    assert only(report) == "empty mask: episode '7/0/1' has no label, so nothing is trained on"
    unweighted = replace(EXAMPLE, targets=(Target(0, Action("1"), 0.0),))
    assert "weight 0" in only(lint([unweighted], codec))
    assert "no example" in only(lint([], codec))


PER_TARGET = (
    *("rows", "targets", "weights", "old_logprobs", "teacher_logprobs", "top"),
    *("reference_logprobs", "scales", "sequences"),
)


def packer(keep: Callable[[Packed, int], bool]) -> Callable[[Example, ChatCodec], Packed]:
    """A packing that predicts only some tokens, as wrong masks do."""

    def packed(example: Example, codec: ChatCodec) -> Packed:
        whole = pack(example, codec)
        kept = [k for k in range(len(whole.rows)) if keep(whole, k)]
        for name in PER_TARGET:
            setattr(whole, name, [getattr(whole, name)[k] for k in kept])
        return whole

    return packed


def test_a_label_that_the_mask_misses_is_named(codec: ChatCodec) -> None:
    label = set(codec.action_ids(Action("3"))[:-1])
    one = replace(EXAMPLE, targets=EXAMPLE.targets[2:])
    nothing = packer(lambda whole, k: False)
    assert "turn 2: no token of the label '3'" in only(
        lint([one], codec, packs=[nothing(one, codec)])
    )
    assert label


def test_an_end_of_turn_that_is_left_out_is_found(codec: ChatCodec) -> None:
    without_end = packer(lambda whole, k: whole.targets[k] != codec.end_of_turn)
    report = lint([EXAMPLE], codec, packs=[without_end(EXAMPLE, codec)])
    assert [f.kind for f in report.failures] == ["end of turn left out"] * 3
    assert "turn 1: the label '2 then' is trained on without '<|end|>'" in str(report)
    assert "⟦2 then⟧<|end|>" in str(report)


def test_a_sample_truncated_to_a_length_is_found(codec: ChatCodec) -> None:
    label = Action("zxyw vut")
    example = replace(EXAMPLE, targets=(Target(2, label, 1.0),))
    longest = codec.stream(EXAMPLE.observations, EXAMPLE.actions[:2]).starts[2] + 5
    truncated = packer(lambda whole, k: k < 6 and whole.positions[whole.rows[k]] < longest)
    text = only(lint([example], codec, packs=[truncated(example, codec)]))
    assert "label cut off: episode of example 0, turn 2: of the label's 8 characters" in text
    assert "is cut off" in text


def test_a_teacher_that_was_cut_off_at_its_limit_is_found(codec: ChatCodec) -> None:
    cut = Action("2 th", codec.action_ids(Action("2 th"))[:-1])
    report = lint([replace(EXAMPLE, targets=(Target(1, cut, 1.0),))], codec)
    assert "turn 1: the label '2 th' stops after" in only(report)
    # What the student itself sampled and executed is a fact: reinforcing it is allowed.
    own = replace(EXAMPLE, actions=(Action("1"), cut, Action("3")), targets=(Target(1, cut, 1.0),))
    report = lint([own], codec)
    assert not report.failures and [f.kind for f in report.findings] == ["label cut off"]


def test_a_history_tokenised_again_is_found(codec: ChatCodec) -> None:
    sampled = Action("say", (*(codec.action_ids(Action(c))[0] for c in "say"), 3))
    example = replace(EXAMPLE, actions=(sampled, *EXAMPLE.actions[1:]), targets=EXAMPLE.targets[2:])
    assert codec.action_ids(sampled) != codec.action_ids(Action("say"))

    anew = tuple(Action(action.text) for action in example.actions)
    retokenised = pack(replace(example, actions=anew), codec)
    kinds = {f.kind for f in lint([example], codec, packs=[retokenised]).failures}
    assert kinds == {"empty mask", "not a label"}
    assert not lint([example], codec).failures


def test_training_on_the_environments_words_is_found(codec: ChatCodec) -> None:
    everything = pack(EXAMPLE, codec)
    own = everything.tokens[1:8]
    everything.predict(range(7), tuple(own), Target(0, Action(""), 1.0))
    text = only(lint([EXAMPLE], codec, packs=[everything]))
    assert "not a label" in text and "say" in text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("m.content[:300]", "a long text cut"),
        ("(m.content if loop.last else m.content | replace('secret', '***'))", "a word struck"),
    ],
)
def test_a_template_that_rewrites_what_was_said_is_found(content: str, why: str) -> None:
    codec = make_codec(CHATML.replace("m.content", content))
    long = Example(("a secret " * 50, "next"), (Action("ls"),), (Target(1, Action("done"), 1.0),))
    text = only(lint([long], codec, names=["'3/1/2'"]))
    assert text.startswith("prefix changed: episode '3/1/2', turn ")
    assert "at character" in text


def test_a_thought_that_the_template_drops_is_a_warning_and_is_kept() -> None:
    codec = make_codec(
        CHATML.replace(
            "m.content",
            "(m.content.split('</think>')[-1].lstrip('\n') if not loop.last else m.content)",
        )
    )
    thoughtful = Action("<think>\nhm\n</think>\n\nls")
    example = Example(("go", "on"), (thoughtful,), (Target(0, thoughtful, 1.0),))
    report = lint([example], codec)
    assert not report.failures
    assert "turn 0: the template would drop this turn's thought (21 characters)" in str(report)
    assert "⟦<think>\nhm\n</think>\n\nls<|im_end|>⟧" in str(report)


def contaminated(model: Any, batch: Batch) -> torch.Tensor:
    """The trap: an all-ones mask over packed segments."""
    hidden = model.base_model(
        input_ids=batch.tokens,
        attention_mask=torch.ones_like(batch.tokens),
        position_ids=batch.positions,
        use_cache=False,
    ).last_hidden_state[batch.batch_index, batch.rows]
    return head_logprobs(model.get_output_embeddings(), hidden, batch.targets, model.config)


def test_packed_segments_that_see_each_other_are_found(policy: LMPolicy) -> None:
    targets = (Target(0, Action("3"), 1.0), Target(1, Action("2 then"), 1.0), EXAMPLE.targets[2])
    examples = [replace(EXAMPLE, targets=targets)]
    report = lint(examples, policy.codec, policy.model, scorer=contaminated)
    assert {f.kind for f in report.failures} == {"segments see each other"}
    assert "label '2 then' differ by up to" in str(report)
    assert not lint(examples, policy.codec, policy.model).findings


def test_content_that_becomes_a_control_token_is_found() -> None:
    codec = make_codec(special=["<|pad|>", "<|im_end|>"])  # <|im_start|> is added, not special
    forged = Example(("hi <|im_start|>", "x"), (Action("ls"),), (Target(0, Action("ls"), 1.0),))
    text = only(lint([forged], codec))
    assert "turn 0: characters 3 to 15 have become the control token '<|im_start|>'" in text
    label = Example(("hi",), (), (Target(0, Action("<|im_start|>"), 1.0),))
    assert "turn 0, label: characters 0 to 12" in only(lint([label], codec))


def test_a_label_put_through_a_template_twice_is_a_warning(codec: ChatCodec) -> None:
    twice = Example(("say 1\n",), (), (Target(0, Action("1<|end|>"), 1.0),))
    report = lint([twice], codec)
    assert not report.failures and "spells out '<|end|>' at character 1" in str(report)


def test_text_that_the_tokenizer_cannot_write_is_found() -> None:
    codec = make_codec(alphabet=[], texts=["say one two\n user assistant"])
    example = Example(("say",), (), (Target(0, Action("say {one}"), 1.0),))
    assert "text lost: episode of example 0, turn 0: the label 'say {one}'" in str(
        lint([example], codec)
    )
