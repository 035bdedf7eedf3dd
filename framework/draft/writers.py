"""What a recipe proposes for models that write: how texts are put, how long they are, and which models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from distil.framework.draft.facts import Facts
from distil.framework.recipe.yaml_loader import flow

_FINER = 1.5  # tokens of a model that writes for one of an encoder's: it knows more languages, and may cut each finer
_WINDOWS = (64, 128, 256, 512, 1024, 2048)
_COMPLETIONS = (16, 32, 64, 128, 256, 512, 1024)
_TEMPLATE = 32  # tokens that a chat template puts around a turn and before all


class Written(Protocol):
    """A prompt, which may be empty, and its completion; messages: the turns of a prompt that is a conversation."""

    prompt: str
    completion: str
    messages: tuple[object, ...]


@dataclass(frozen=True)
class _Pair:
    """A teacher and a student. comments: of either."""

    name: str
    teacher: str
    student: str
    comments: tuple[str, Sequence[str]]


_ENGLISH = _Pair(
    "smollm",
    "HuggingFaceTB/SmolLM2-360M{}",
    "{{kind: hub, id: HuggingFaceTB/SmolLM2-135M{}}}",
    (
        "SmolLM2, 362M parameters, of English.",
        [
            "The smallest of the same family. It may have any tokenizer: what teachers say is kept at words, not at tokens."
        ],
    ),
)
_OTHERS = _Pair(
    "qwen",
    "Qwen/Qwen2.5-0.5B{}",
    "{{kind: layers, teacher: qwen, layers: [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 23]}}",
    (
        "Qwen2.5, 494M parameters, 24 layers, of 29 languages.",
        [
            "Half of the teacher's layers, with its embeddings. A smaller model of the hub that knows the language does as well, with any",
            "tokenizer: model: {kind: hub, id: OWNER/NAME}.",
        ],
    ),
)


def parts_of_texts(facts: Facts, examples: Sequence[Written]) -> list[str]:
    """Lines of a recipe from the task to the losses."""
    talks = any(example.messages for example in examples)
    pair = _ENGLISH if facts.language == "en" else _OTHERS
    version = "-Instruct" if talks else ""
    epochs = facts.epochs(3, 2, 1)
    of_teacher, of_student = pair.comments
    return [
        *_task(facts, examples),
        *_windows(facts, examples, talks),
        "teachers:",
        f"  # {of_teacher}",
        f"  {pair.name}:",
        "    kind: generative",
        f"    model: {{kind: hub, id: {pair.teacher.format(version)}}}",
        f"    fine_tune: {{lr: 2.0e-5, epochs: {epochs}, batch_size: 16, micro_batch: 4}}",
        "student:",
        *(f"  # {line}" for line in of_student),
        f"  model: {pair.student.format(version)}",
        "  lr: 5.0e-5",
        f"  epochs: {epochs}",
        "  batch_size: 16",
        "  micro_batch: 4",
        "losses:",
        "  # What the teacher thinks of the first byte of what follows, and of whole words; and the completions themselves.",
        "  kl: {weight: 0.4, temperature: 1.0}",
        "  chunk: {weight: 0.4}",
        "  hard_label: {weight: 0.2}",
    ]


def _task(facts: Facts, examples: Sequence[Written]) -> list[str]:
    if not any(example.prompt for example in examples):
        return [
            "# Texts without prompts: all models would write the same, so that nothing is written when they are measured.",
            "task: {kind: text, measures: []}",
        ]
    said = [
        "# Measured in bits per byte, and by the share of completions that are written exactly so. Of longer ones chrf and rouge_l (extra",
        "# text) tell more: measures: [chrf].",
    ]
    written = _tokens(facts, [len(example.completion) for example in examples])
    generation = flow({"max_new_tokens": _at_least(written + 1, _COMPLETIONS)})
    apart = [one.prompt[-1:].isspace() or one.completion[:1].isspace() for one in examples if one.prompt]
    if any(example.messages for example in examples) or 2 * sum(apart) >= len(apart):
        return [*said, f"task: {{kind: text, generation: {generation}}}"]
    said.insert(0, "# An end of line comes between a prompt and its completion, as nothing else does.")
    return [*said, f'task: {{kind: text, prompt: "{{prompt}}\\n", generation: {generation}}}']


def _windows(facts: Facts, examples: Sequence[Written], talks: bool) -> list[str]:
    """A row into which nearly all texts fit. Room costs nothing: rows are padded to the longest of a batch."""
    turns = max(len(example.messages) for example in examples) + 1 if talks else 0
    needed = _tokens(facts, [len(example.prompt) + len(example.completion) for example in examples])
    length = _at_least(needed + (turns + 1) * (_TEMPLATE if talks else 1), _WINDOWS)
    said = (
        []
        if needed <= length
        else ["# Of longer texts the end of the prompt and the beginning of the completion are kept."]
    )
    return [*said, f"windows: {flow({'max_length': length})}"]


def _tokens(facts: Facts, lengths: Sequence[int]) -> int:
    """Tokens of all texts but the longest hundredth, estimated rather too high; lengths: in characters."""
    return round(_FINER * float(np.percentile(lengths, 99)) / facts.characters_a_token)


def _at_least(number: int, usual: Sequence[int]) -> int:
    return next((one for one in usual if one >= number), usual[-1])
