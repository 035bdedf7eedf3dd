"""Models that are loaded to be asked: students, teachers, ensembles."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Generic, TypeVar, cast, overload

from pydantic import BaseModel

from distil._given import name_of, path_of
from distil.data import is_frame
from distil.framework.answer import Answerer, request_of
from distil.framework.data.records import is_missing
from distil.framework.errors import DataError, ModelError
from distil.progress import Watch, progress_of
from distil.results import Model, Run
from distil.searching import SearchRun

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]


Response = TypeVar("Response", bound=BaseModel, covariant=True)
_Response = TypeVar("_Response", bound=BaseModel)


@dataclass(frozen=True)
class Predictor(Generic[Response]):
    """A loaded model. What it answers depends on nothing else that is asked at the same time."""

    name: str
    answerer: Answerer

    @property
    def request(self) -> type[BaseModel]:
        """What it is asked: question and context, or text, or what its task asks."""
        return self.answerer.inference.task.request

    @property
    def response(self) -> type[Response]:
        """What it answers."""
        return cast("type[Response]", self.answerer.inference.task.response)

    @property
    def parameters(self) -> int:
        """Its parameters; of an ensemble those of all teachers."""
        return self.answerer.predictor.parameters

    def predict(
        self, requests: "Iterable[BaseModel | Mapping[str, object]] | pandas.DataFrame", *, progress: Watch = False
    ) -> Sequence[Response]:
        """The response to each request, in their order, asked together. requests: of its `request` type, dicts with its fields, or a
        pandas frame with them as columns, or what gives Arrow's stream of such.

        Raises DataError for a request that is none, or a text that is blank, and says which.
        """
        task = self.answerer.inference.task
        if isinstance(requests, BaseModel | Mapping | str):
            raise DataError("expected a list of requests, found one: put it into a list")
        if is_frame(requests):
            requests = requests.to_dict("records")
        elif hasattr(requests, "__arrow_c_stream__"):
            import pyarrow

            requests = pyarrow.table(requests).to_pylist()
        if not isinstance(requests, Iterable):
            raise DataError(f"expected a list of requests, found {requests!r:.80}")
        examples = []
        for number, request in enumerate(requests):
            try:
                values = request.model_dump() if isinstance(request, BaseModel) else request
                if not isinstance(values, Mapping):
                    raise DataError(f"expected {' and '.join(task.request.model_fields)} by name, found {values!r:.80}")
                example = task.asked(
                    request_of(task, {name: one for name, one in values.items() if not is_missing(one)})
                )
            except DataError as error:
                raise DataError(f"request[{number}]: {error}") from None
            examples.append(example)
        if not all(is_dataclass(example) for example in examples):  # of a task of one's own: ids cannot be told apart
            return cast("Sequence[Response]", [self.answerer.ask(example) for example in examples])
        told_apart = [replace(example, id=str(number)) for number, example in enumerate(examples)]
        found = (
            self.answerer.predictor.predict(told_apart, progress_of(progress), f"ask {self.name}") if examples else {}
        )
        return cast("Sequence[Response]", [task.respond(found[example.id]) for example in told_apart])

    def __repr__(self) -> str:
        return f"Predictor({self.name!r}: {', '.join(self.request.model_fields)} -> {self.response.__name__})"


Source = str | PathLike[str] | Run | SearchRun | Model


@overload
def load(source: Source, model: str | None = None) -> Predictor[BaseModel]: ...


@overload
def load(source: Source, model: str | None = None, *, response: type[_Response]) -> Predictor[_Response]: ...


def load(source: Source, model: str | None = None, *, response: type[BaseModel] = BaseModel) -> Predictor[BaseModel]:
    """A model, to be asked: of a run (`model`: its name, by default the student; the ensemble too), a search's best student, or a model
    that `distil export` or a run has saved. response: what it has to answer, one of `distil.asking`, by which type checkers know it.

    Raises OutputError where there is none, ModelError for one that cannot be asked or that answers something else, StoreError for a
    damaged one.
    """
    if model is not None:
        name_of(model, "a model's name as `model`")
    if not (isinstance(response, type) and issubclass(response, BaseModel)):
        raise ModelError(f"`response` is {response!r:.80}: expected a class of distil.asking, such as SpanResponse")
    if isinstance(source, Model):
        if model not in (None, source.name):
            raise ModelError(f"`model` is '{model}', and the source the model '{source.name}' itself: drop `model`")
        source, model = source.run, source.name
    if isinstance(source, Run | SearchRun):
        source = source.folder
    folder = path_of(source, "a run, one of its models, a search, or the path of any of these or of a saved model")
    from distil.launch.quiet import quietly
    from distil.launch.serve_models import models_in

    with quietly():
        models = models_in(folder, model, many=True)
        found = models.by_name[models.default]
        loaded = Predictor[BaseModel](found.name, found.load())
    if not issubclass(loaded.response, response):
        raise ModelError(
            f"'{loaded.name}' answers with {loaded.response.__name__} ({', '.join(loaded.response.model_fields)}), and "
            f"`response` is {response.__name__}: name what it answers, or load another model"
        )
    return loaded
