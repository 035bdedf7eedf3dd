"""Forward and backward passes as CUDA graphs: what a model launches for inputs of one shape, recorded once, and then launched as one.

The host of a small model takes longer to launch its thousands of operations than a GPU to compute them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from distil.framework.errors import RecipeError, first_line

if TYPE_CHECKING:
    from torch import Tensor, nn

OPTION = "engine.cuda_graphs"
_Value = TypeVar("_Value")
_Shape = tuple[object, ...]


class Recorder(Protocol):
    """What records work on a device."""

    def beside(self, work: Callable[[], _Value]) -> _Value:
        """Do the work now, where other work is recorded."""

    def record(self, work: Callable[[], _Value]) -> tuple[_Value, Callable[[], None]]:
        """What the work returns, whose numbers only come once what is returned with it is called, and again each time: that does on the device
        what the work did, with the tensors that it did it with."""


class CudaRecorder:
    """Records CUDA graphs. They share their memory, so what one has computed is to be read before another one runs."""

    def __init__(self) -> None:
        import torch

        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def beside(self, work: Callable[[], _Value]) -> _Value:
        """See Recorder. Autograd goes back on the stream on which it came, and a recording that meets another one fails."""
        import torch

        usual = torch.cuda.current_stream()
        self._stream.wait_stream(usual)
        with torch.cuda.stream(self._stream):
            value = work()
        usual.wait_stream(self._stream)
        return value

    def record(self, work: Callable[[], _Value]) -> tuple[_Value, Callable[[], None]]:
        """See Recorder. Other threads may use the device meanwhile."""
        import torch

        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            value = work()
        return value, graph.replay


class RecordedModel:
    """A model that is run and gone back through as it was recorded, for inputs of each shape by themselves.

    The first batch of a shape goes through the model as it is, so that libraries find out then how to compute it, and every weight that is reached
    has a gradient; the second one is recorded. Gradients have to stay where they are: they are set to zero, and not to none. `backward` follows on
    every call, once the loss has been gone back through.
    """

    def __init__(self, run: Callable[..., object], parameters: "Iterable[nn.Parameter]", recorder: Recorder) -> None:
        """run: the model, given inputs by name; parameters: those that are trained."""
        self._run, self._parameters, self._recorder = run, list(parameters), recorder
        self._met: set[_Shape] = set()
        self._recorded: dict[_Shape, _Recorded] = {}
        self._running: _Recorded | None = None

    def __call__(self, **inputs: "Tensor | bool") -> object:
        """What the model gives. Raises RecipeError if what it does cannot be recorded."""
        shape = _shape(inputs)
        self._running = None
        if shape not in self._met:
            self._met.add(shape)
            return self._recorder.beside(lambda: self._run(**inputs))
        if shape in self._recorded:
            self._recorded[shape].read(inputs)
        else:
            self._recorded[shape] = self._record(inputs)
        self._running = self._recorded[shape]
        return self._running.forward()

    def backward(self) -> None:
        """Add the gradients of the last call's loss to the parameters', where that has left them at the model's outputs. Raises RecipeError
        where it reaches other outputs or weights than when it was recorded."""
        if self._running is None:
            return
        if self._running.replay_back is None:
            self._record_back(self._running)
        self._running.backward()

    def _record(self, inputs: "dict[str, Tensor | bool]") -> "_Recorded":
        import torch
        from torch.utils._pytree import tree_flatten, tree_unflatten

        own = {name: one.clone() if isinstance(one, torch.Tensor) else one for name, one in inputs.items()}
        output, replay = self._held(lambda: self._run(**own))
        parts, form = tree_flatten(output)
        outputs = {
            number: one for number, one in enumerate(parts) if isinstance(one, torch.Tensor) and one.requires_grad
        }
        others = [None if number in outputs else one for number, one in enumerate(parts)]
        return _Recorded(own, others, outputs, lambda new: tree_unflatten(new, form), replay)

    def _record_back(self, running: "_Recorded") -> None:
        import torch

        reached = [number for number, one in running.leaves.items() if one.grad is not None]
        outputs = [running.outputs[number] for number in reached]
        gradients = {number: torch.empty_like(running.outputs[number]) for number in reached}
        before = [one.grad is None for one in self._parameters]
        _, running.replay_back = self._held(lambda: torch.autograd.backward(outputs, list(gradients.values())))
        if before != [one.grad is None for one in self._parameters]:
            raise RecipeError(
                f"{OPTION}: not every batch reaches the same weights, which a graph cannot hold; drop {OPTION}"
            )
        running.gradients = gradients
        # So that what the pass needed is let go of.
        running.outputs = {number: one.detach() for number, one in running.outputs.items()}

    def _held(self, work: Callable[[], _Value]) -> tuple[_Value, Callable[[], None]]:
        import torch

        first: list[Exception] = []  # a recording that is broken off has an error of its own

        def watched() -> _Value:
            try:
                return work()
            except Exception as error:
                first.append(error)
                raise

        try:
            return self._recorder.record(watched)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # whatever a model does that a graph cannot hold
            cause = first_line(first[0] if first else error)
            raise RecipeError(f"{OPTION}: what this model does cannot be recorded: {cause}; drop {OPTION}") from None


@dataclass
class _Recorded:
    """Passes for inputs of one shape.

    inputs: what the model reads; parts: what it gives, as a list that `form` makes an output of, without the outputs; outputs: those of the parts
    that have gradients, by their numbers; replay, replay_back: see Recorder; leaves: what the loss was computed from instead of the outputs; gradients: of those that
    it reaches, which the pass back reads.
    """

    inputs: "dict[str, Tensor | bool]"
    parts: list[object]
    outputs: "dict[int, Tensor]"
    form: Callable[[list[object]], object]
    replay: Callable[[], None]
    replay_back: Callable[[], None] | None = None
    leaves: "dict[int, Tensor]" = field(default_factory=dict)
    gradients: "dict[int, Tensor]" = field(default_factory=dict)

    def read(self, inputs: "dict[str, Tensor | bool]") -> None:
        """Take inputs of this shape instead of those that are there."""
        import torch

        for name, own in self.inputs.items():
            if isinstance(own, torch.Tensor) and isinstance(given := inputs[name], torch.Tensor):
                own.copy_(given)

    def forward(self) -> object:
        """The output for the inputs that are there."""
        self.replay()
        self.leaves = {number: one.detach().requires_grad_() for number, one in self.outputs.items()}
        return self.form([self.leaves.get(number, part) for number, part in enumerate(self.parts)])

    def backward(self) -> None:
        """Go back from the gradients that the loss has left at the outputs. Raises RecipeError for one that the recording did not have."""
        assert self.replay_back is not None
        if any(one.grad is not None for number, one in self.leaves.items() if number not in self.gradients):
            raise RecipeError(
                f"{OPTION}: not every batch's loss reads the same outputs, which a graph cannot hold; drop {OPTION}"
            )
        for number, gradient in self.gradients.items():
            if (given := self.leaves[number].grad) is None:
                gradient.zero_()
            else:
                gradient.copy_(given)
        self.leaves = {}
        self.replay_back()


def _shape(inputs: "dict[str, Tensor | bool]") -> _Shape:
    import torch

    return tuple(
        (name, one.shape, one.dtype) if isinstance(one, torch.Tensor) else (name, one) for name, one in inputs.items()
    )
