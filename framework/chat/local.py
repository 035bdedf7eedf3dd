"""A language model that runs here, whose answers are kept as a server's are."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from distil.framework.chat.answers import Answer, Answers, answers_file
from distil.framework.chat.asking import Missing, Wanted, alone_with, missing_of
from distil.framework.chat.conversations import Conversations
from distil.framework.chat.messages import Request
from distil.framework.chat.speaker import Speaker
from distil.framework.chat.template import check_template
from distil.framework.device import device_kind
from distil.framework.digest import MODELS, digest_of, digest_of_files, versions
from distil.framework.errors import ModelError
from distil.framework.manifest import MANIFEST
from distil.framework.models.bounds import count_parameters
from distil.framework.models.build import pretrained_model
from distil.framework.models.configuration import read_config
from distil.framework.models.kind import Generator, generator_of
from distil.framework.models.probe import most_tokens
from distil.framework.models.tokenizers import load_model_tokenizer
from distil.framework.progress import Task
from distil.framework.tasks.base import InferenceConfig

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_CODE = 2  # of what answers are made by: with another number they are made anew
_LONGEST = 32_768  # tokens of a conversation, where neither the model nor the recipe says less
_SETTINGS = "distil.json"  # tells how answers are read, and nothing of the model


@dataclass(frozen=True)
class LocalAsker:
    """See ChatAsker. model: a digest of all that decides about its answers; folder: where they are kept, None: nowhere."""

    model: str
    speaker: Speaker
    folder: Path | None

    @property
    def parameters(self) -> int:
        """See ChatAsker."""
        return count_parameters(self.speaker.model)

    @cached_property
    def answers(self) -> Answers:
        """See ChatAsker."""
        return Answers(self._path)

    def kept(self, request: Request, sample: int) -> Answer | None:
        """See ChatAsker."""
        return self.answers.get(request.key(self.model, sample))

    def over(self, request: Request) -> int:
        """See ChatAsker."""
        return self.speaker.conversations.over(request)

    def ask(self, wanted: Sequence[Wanted], bar: Task) -> list[Answer]:
        """See ChatAsker. What is kept nowhere is asked each time."""
        if not wanted:
            return []
        answers = self.answers if self.folder is not None else Answers(None)
        answers.refresh()
        # Who has all that is wanted waits for nobody.
        with alone_with(self._path, self.model) if missing_of(answers, self.model, wanted) else nullcontext():
            answers.refresh()
            for group in self._alike(missing_of(answers, self.model, wanted)):
                seeds = [[_seed(request.key(self.model, sample)) for sample in samples] for request, samples in group]
                for found in self.speaker.answers(group, seeds, bar):
                    answers.add_all({request.key(self.model, sample): answer for request, sample, answer in found})
        kept = [answers.get(request.key(self.model, sample)) for request, sample in wanted]
        return [answer for answer in kept if answer is not None]

    def _alike(self, missing: Sequence[Missing]) -> list[list[Missing]]:
        """Those that go through the model together."""
        groups: dict[object, list[Missing]] = defaultdict(list)
        for request, samples in missing:
            how = (request.candidates, request.temperature, request.max_tokens, request.top_logprobs, len(samples))
            groups[how].append((request, samples))
        return list(groups.values())

    @property
    def _path(self) -> Path | None:
        return None if self.folder is None else answers_file(self.folder, self.model)


def local_asker(folder: Path, inference: InferenceConfig, prompt: str | None, length: int | None) -> LocalAsker:
    """The model in `folder`. prompt: of the teacher; length: tokens of a conversation, None: as many as the model reads. Raises
    ModelError."""
    tokenizer, config = load_model_tokenizer(folder), read_config(folder)
    check_template(tokenizer, prompt)
    kind = chat_generator(config)
    model = pretrained_model(kind, folder)
    conversations = Conversations(tokenizer, longest_conversation(config, length))
    return LocalAsker(_identity(folder, inference), Speaker(model, conversations, inference), inference.answers)


def chat_generator(config: "PreTrainedConfig") -> Generator:
    """The kind of a model of this configuration. Raises ModelError if it is no decoder."""
    found = generator_of(config)
    if found.encoder_decoder:
        raise ModelError(
            f"a {config.model_type} model is an encoder-decoder, and chat models are decoders (llama, qwen3, smollm3): take one of these, or "
            "kind generative"
        )
    return found


def longest_conversation(config: "PreTrainedConfig", wanted: int | None) -> int:
    """Tokens of the longest conversation with its answer. Raises ModelError where a model of this configuration reads less than is
    wanted."""
    most = most_tokens(Generator(encoder_decoder=False), config, wanted or _LONGEST)
    if wanted is not None and most < wanted:
        raise ModelError(
            f"max_length is {wanted}, and the {config.model_type} model has positions for {most} tokens: lower it"
        )
    return most


def _identity(folder: Path, inference: InferenceConfig) -> str:
    files = [path for path in folder.iterdir() if path.is_file() and path.name not in (_SETTINGS, MANIFEST)]
    how = {"precision": inference.precision, **versions(_CODE, MODELS, device_kind())}
    return f"here-{digest_of({'files': digest_of_files(files), **how})}"


def _seed(key: str) -> int:
    return int(key, 16)
