"""Students that also learn from what live teachers compute inside."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from distil.framework.device import autocast, default_device
from distil.framework.errors import ModelError, UserError
from distil.framework.losses.base import check_losses, total_loss, weight_at
from distil.framework.losses.live import LiveLoss, States, Wanted
from distil.framework.losses.states import vector_modules
from distil.framework.models.build import pretrained_model
from distil.framework.models.head_rows import logits_at
from distil.framework.models.kind import ModelKind
from distil.framework.models.probe import probe_inputs
from distil.framework.models.tokenizers import takes_token_types
from distil.framework.models.weightless import CannotTell, run_weightless, weightless_model
from distil.framework.plugins import named_in_errors
from distil.framework.training.distillation import Distillation, LogitsBatch, asked_at
from distil.framework.training.engine import TrainingEngine
from distil.framework.training.items import AtTokens, Targets

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

_STUDENT = "student."  # where the student's weights are among the module's
_PROBED = 31  # tokens of the text on which a model is tried: no multiple of anything


@dataclass(frozen=True)
class LiveDistillation:
    """Losses on logits, and losses on what the student and a teacher compute inside while they read the same batch.

    logits: the former, with all items; losses: the latter; teachers: the folder of each one's teacher; precision: in
    which the teachers compute.
    """

    logits: Distillation
    losses: Mapping[str, LiveLoss]
    teachers: Mapping[str, Path]
    precision: str

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of every item. [N]"""
        return self.logits.lengths

    @property
    def terms(self) -> Sequence[str]:
        """See Objective."""
        return [*self.logits.terms, *self.losses]

    def build(self, initial: Path, seed: int) -> "LiveStudent":
        """See Objective."""
        student = self.logits.build(initial, seed)
        return live_student(self.logits.task, student, self.losses, self.teachers, self.precision, seed)

    def prefetch(self, batches: Sequence[NDArray[np.int64]]) -> None:
        """See Objective."""
        self.logits.prefetch(batches)

    def batch(self, rows: NDArray[np.int64], counts: bool, step: int) -> LogitsBatch:
        """See Objective."""
        return self.logits.batch(rows, counts, step)

    def loss(self, engine: TrainingEngine, batch: LogitsBatch, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """See Objective."""
        with asked_at(engine, batch.targets):
            output, live = engine(**batch.inputs, **self._at(batch.targets))
        rows = batch.targets.rows(self.logits.task.logits(output))
        total, terms = total_loss(self.logits.losses, rows, progress)
        for name, loss in self.losses.items():
            term = (live[name] * batch.targets.weight).sum()
            terms[name] = term.detach()
            total = total + weight_at(loss.weight, progress) * term
        return total, terms

    def _at(self, targets: Targets) -> dict[str, Tensor]:
        """The tokens of a batch that are looked at, where the targets say which."""
        return {"at": targets.tokens} if isinstance(targets, AtTokens) else {}

    def save(self, module: Any, weights: dict[str, Tensor], folder: Path) -> None:
        """See Objective. Projections are left behind."""
        own = {name.removeprefix(_STUDENT): tensor for name, tensor in weights.items() if name.startswith(_STUDENT)}
        self.logits.save(module.student, own, folder)


@dataclass(frozen=True)
class LiveTerm:
    """A loss and what is trained for it beside the student."""

    loss: LiveLoss
    projection: nn.Module | None


@dataclass(frozen=True)
class LiveTeacher:
    """A teacher that reads every batch once for all losses that look into it, by name."""

    model: "PreTrainedModel"
    wanted: Wanted
    precision: str
    terms: Mapping[str, LiveTerm]

    def read(self, inputs: dict[str, Tensor], at: Tensor | None) -> States:
        """What the teacher computes inside on inputs [B, L]. at: see LiveStudent."""
        asked = logits_at(self.model, at) if at is not None else nullcontext()
        with torch.no_grad(), autocast(inputs["input_ids"].device, self.precision), asked:
            states = run_with_states(self.model, inputs, self.wanted)[1]
        return states if self.model.dtype == torch.float32 else states.in_float32()


class LiveStudent(nn.Module):
    """`student` and `projections` are trained. Teachers are not among the submodules: the engine, its checkpoints and
    ZeRO leave them alone."""

    def __init__(self, student: nn.Module, wanted: Wanted, teachers: list[LiveTeacher]) -> None:
        super().__init__()
        self.student = student
        terms = [term for teacher in teachers for term in teacher.terms.values()]
        self.projections = nn.ModuleList([term.projection for term in terms if term.projection is not None])
        self.teachers = teachers
        self.wanted = wanted

    def forward(self, at: Tensor | None = None, **inputs: Tensor) -> tuple[Any, dict[str, Tensor]]:
        """The student's output on inputs [B, L], and each term's loss of each row [B]. at: int64 [M], the tokens of the B · L of which
        logits are looked at."""
        output, own = run_with_states(self.student, inputs, self.wanted)
        mask = inputs["attention_mask"].bool()
        rows: dict[str, Tensor] = {}
        for teacher in self.teachers:
            states = teacher.read(inputs, at)
            for name, term in teacher.terms.items():
                with named_in_errors(f"losses.{name}", term.loss):
                    rows[name] = term.loss(own, states, mask, term.projection)
                    check_losses(name, rows[name], len(mask))
        return output, rows


def live_student(
    task: ModelKind,
    student: Any,
    losses: Mapping[str, LiveLoss],
    folders: Mapping[str, Path],
    precision: str,
    seed: int,
) -> LiveStudent:
    """The student with new projections, the same from the same seed, and its teachers on this machine's device.

    folders: of each loss's teacher. Raises ModelError for a teacher that cannot be loaded or compared with the student.
    """
    wanted, teachers = Wanted(), []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for folder in dict.fromkeys(folders.values()):
            model = pretrained_model(task, folder, seed).to(default_device()).eval()
            seen, terms = Wanted(), {}
            for name, loss in losses.items():
                if folders[name] == folder:
                    with named_in_errors(f"losses.{name}", loss):
                        in_student, in_teacher = loss.wants(student.config, model.config)
                        terms[name] = LiveTerm(loss, _projection(name, loss, student.config, model.config))
                    wanted, seen = wanted | in_student, seen | in_teacher
            teachers.append(LiveTeacher(model, seen, precision, terms))
    return LiveStudent(student, wanted, teachers)


def _projection(
    name: str, loss: LiveLoss, student: "PreTrainedConfig", teacher: "PreTrainedConfig"
) -> nn.Module | None:
    made: object = loss.new_projection(student, teacher)
    if made is not None and not isinstance(made, nn.Module):
        raise UserError(
            f"losses.{name}: its `new_projection` gives {made!r:.80}, expected a torch.nn.Module, or None: put it right"
        )
    return made


def run_with_states(model: "PreTrainedModel", inputs: dict[str, Tensor], wanted: Wanted) -> tuple[Any, States]:
    """The model's output on inputs [B, L], and what it computed inside. Raises ModelError as check_states does."""
    config = model.config
    options = {"output_hidden_states": True} if wanted.hidden else {}
    with _recorded(model, wanted) as attention:
        output = model(**_suited(config, inputs), **options)
    hidden = _hidden(config, output, inputs["input_ids"].shape[1]) if wanted.hidden else ()
    heads = config.num_attention_heads if wanted.attention else 0
    return output, States(config.num_hidden_layers, heads, hidden, attention)


def check_states(kind: ModelKind, config: "PreTrainedConfig", wanted: Wanted) -> None:
    """Refuse a model in which what is wanted cannot be looked at, without building it. Raises ModelError."""
    for layer in wanted.attention:
        if not 0 <= layer < config.num_hidden_layers:
            raise ModelError(
                f"it wants attention vectors of layer {layer} of a {config.model_type} model, whose layers are 0 to "
                f"{config.num_hidden_layers - 1}; put its `wants` right"
            )
    if wanted.hidden:
        inputs = probe_inputs(kind, config, _PROBED)
        try:
            output = run_weightless(weightless_model(kind, config), inputs, output_hidden_states=True)
        except CannotTell:
            return
        _hidden(config, output, _PROBED)


def _hidden(config: "PreTrainedConfig", output: Any, length: int) -> tuple[Tensor, ...]:
    """The embeddings' output and each layer's. Raises ModelError for a model that does not give these of every token."""
    states = getattr(output, "hidden_states", None) or ()
    if len(states) != config.num_hidden_layers + 1 or any(state.shape[1] < length for state in states):
        raise ModelError(
            f"a {config.model_type} model does not compute a hidden state of every token after each of its layers (it shortens "
            "texts inside, or has an encoder and a decoder), so that there is nothing to compare token by token; use another "
            "model, or drop the loss"
        )
    return tuple(state[:, :length] for state in states)  # BigBird fills texts up to whole blocks


def _suited(config: "PreTrainedConfig", inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The inputs that a model takes: models that share a tokenizer need not share token types."""
    if takes_token_types(config):
        return inputs
    return {name: value for name, value in inputs.items() if name != "token_type_ids"}


@contextmanager
def _recorded(model: "PreTrainedModel", wanted: Wanted) -> Iterator[dict[int, Any]]:
    """Query, key and value vectors of the wanted layers, complete when the model has run."""
    outputs: dict[int, list[Any]] = {layer: [] for layer in sorted(wanted.attention)}
    attention: dict[int, Any] = {}
    with ExitStack() as hooks:
        for layer, vectors in outputs.items():
            for module in vector_modules(model, layer):
                handle = module.register_forward_hook(lambda _, __, output, vectors=vectors: vectors.append(output))
                hooks.callback(handle.remove)
        yield attention
    attention.update({layer: tuple(vectors) for layer, vectors in outputs.items()})
