"""What a generative teacher of questions is trained to write."""

from collections.abc import Sequence

from framework.errors import DataError
from framework.generative.training import Generation
from framework.generative.writer import Ids
from framework.progress import SILENT, Progress
from framework.tasks.span_qa.example import QAExample
from framework.tasks.span_qa.prompts import Prompt, Prompts


def generation(
    examples: Sequence[QAExample], prompts: Prompts, unanswerable: bool, progress: Progress = SILENT
) -> Generation:
    """The objective of labelled examples; those without a label are left out.

    A prompt that does not show the whole answer is left out too or, if questions may be `unanswerable`, is answered by
    nothing. Raises DataError if no prompt is left.
    """
    items: list[tuple[Ids, Ids]] = []
    with progress.task("tokenise", len(examples)) as bar:
        for example in examples:
            if example.answers is not None:
                for prompt in prompts.of(example):
                    text = _shown(example, prompt)
                    if text or unanswerable:
                        items.append((prompt.ids, prompts.answer(text)))
            bar.advance()
    if not items:
        raise DataError(
            f"not one of {len(examples)} questions has an answer that a prompt shows whole; a teacher is fine-tuned on "
            "labelled questions (and, where windows.doc_stride is shorter than the answers, on those in one window)"
        )
    return Generation(prompts.generator, prompts.special, [ids for ids, _ in items], [answer for _, answer in items])


def _shown(example: QAExample, prompt: Prompt) -> str:
    """The first gold answer, or nothing if the prompt does not show all of it."""
    if not example.answers:
        return ""
    answer = example.answers[0]
    low, high = prompt.reach
    return answer.text if low <= answer.start and answer.start + len(answer.text) <= high else ""
