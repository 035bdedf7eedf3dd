"""What `distil serve` answers to HTTP requests: the page, its models and answers."""

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field, create_model
from starlette.exceptions import HTTPException

from distil.framework.errors import DistilError, UserError, first_line
from distil.framework.files import Json
from distil.framework.tasks.base import Own, Task
from distil.launch.serve_guard import Guard
from distil.launch.serve_models import Models
from distil.launch.serve_worker import Gone, Worker

_MOST_BYTES = 4 * 2**20  # of a body: the longest text, even with every character escaped, and more
_PAGE = Path(__file__).parent / "page"


class Figure(BaseModel):
    """What a model came to in a metric."""

    name: str
    label: str
    percent: bool = Field(description="Whether it goes from 0 to 100, and is no plain number.")
    value: float


class Listed(BaseModel):
    """A model, with what the run has measured."""

    name: str
    role: str
    parameters: int | None
    metrics: list[Figure] = Field(description="Those of the task; none where they are not known.")
    problem: str | None = Field(description="Why it cannot be asked; null if it can.")


class RequestField(BaseModel):
    """A part of a request, which is text."""

    name: str
    description: str
    required: bool


class Listing(BaseModel):
    """The models that can be asked, what they are asked, and the most characters of that."""

    run: str
    default: str
    task: str = Field(description="Its kind, as in recipes.")
    fields: list[RequestField]
    most: dict[str, int] = Field(description="Characters of each text of a request, at most.")
    models: list[Listed]


class Problem(BaseModel):
    """What was wrong, in words."""

    message: str


def create_app(models: Models, worker: Worker, host: str) -> FastAPI:
    """The application for a server that is bound to `host`. The model that is asked by default is loaded."""
    task = models.task
    most: dict[str, int] = getattr(task.request, "most", {})
    asked_model, answered_model = _asked(task, most), _answered(task)
    app = FastAPI(
        title="distil",
        description=f"Questions to {models.title}.",
        docs_url=None,  # it would come from elsewhere
        redoc_url=None,
    )
    app.add_middleware(Guard, host=host, most_bytes=_MOST_BYTES)
    problems: dict[int | str, Json] = {code: {"model": Problem} for code in (403, 413, 422, 500)}

    @app.get("/api/models", responses={403: {"model": Problem}})
    async def list_models() -> Listing:
        """The models, in the order of the run's table."""
        taken = task.request_fields()
        listed = [
            Listed(
                name=model.name,
                role=model.role,
                parameters=model.parameters,
                metrics=[
                    Figure(name=metric.name, label=metric.label, percent=metric.percent, value=value)
                    for metric, value in model.metrics
                ],
                problem=model.problem,
            )
            for model in models.by_name.values()
        ]
        return Listing(
            run=models.title,
            default=models.default,
            task=task.kind,
            fields=[
                RequestField(
                    name=name, description=task.request.model_fields[name].description or "", required=required
                )
                for name, required in taken.items()
            ],
            most={name: count for name, count in most.items() if name in taken},
            models=listed,
        )

    @app.get("/api/examples", responses={403: {"model": Problem}})
    def list_examples() -> list[dict[str, str]]:
        """A few requests, of the data on which the models were measured; none where these cannot be had."""
        return models.examples()

    def pieces_of(asked: Own, request: Request) -> AsyncIterator[Json]:
        asking = task.request(**asked.model_dump(exclude={"model"}))
        return worker.stream(lambda: models.pieces(asked.model, asking), request.is_disconnected)

    async def answer(asked: Own, request: Request) -> BaseModel:
        """Answer a request of the task. Models are asked one after another."""
        *_, found = [piece async for piece in pieces_of(asked, request)]
        return answered_model(**found)

    async def stream(asked: Own, request: Request) -> StreamingResponse:
        """The answer as it comes, as server-sent events: {"piece": text} of what a model writes, and last the answer as a whole, or a message
        where something goes wrong on the way."""
        pieces = pieces_of(asked, request)
        return StreamingResponse(_events(await anext(pieces), pieces), media_type="text/event-stream")

    for endpoint in (answer, stream):
        endpoint.__annotations__["asked"] = asked_model
    app.add_api_route("/api/answer", answer, methods=["POST"], response_model=answered_model, responses=problems)
    events: dict[int | str, Json] = {200: {"model": answered_model, "content": {"text/event-stream": {}}}}
    app.add_api_route(
        "/api/stream", stream, methods=["POST"], response_class=StreamingResponse, responses=problems | events
    )
    app.add_exception_handler(RequestValidationError, partial(_refused, list(task.request.model_fields)))
    app.add_exception_handler(HTTPException, partial(_http_problem, most))
    app.add_exception_handler(Gone, _gone)
    app.add_exception_handler(DistilError, _distil_problem)
    app.add_exception_handler(Exception, _unexpected)
    app.mount("/", StaticFiles(directory=_PAGE, html=True), name="page")
    return app


async def _events(first: Json, rest: AsyncIterator[Json]) -> AsyncIterator[str]:
    """Server-sent events. Who has been sent the first is told of an error by one, too."""
    yield _event(first)
    try:
        async for piece in rest:
            yield _event(piece)
    except Gone:
        return
    except DistilError as error:
        yield _event({"message": str(error)})
    except Exception as error:
        yield _event({"message": _surprise(error)})


def _event(values: Json) -> str:
    return f"data: {json.dumps(values, ensure_ascii=False)}\n\n"


def _asked(task: Task, most: dict[str, int]) -> type[BaseModel]:
    """A request of the task, of limited length, and the model that is asked."""
    fields: Json = {
        name: (
            task.request.model_fields[name].annotation,
            Field(
                default=task.request.model_fields[name].default,
                max_length=count,
                description=task.request.model_fields[name].description,
            ),
        )
        for name, count in most.items()
    }
    named = Field(default=None, description="A name from /api/models; default: the one that is named there.")
    model: type[BaseModel] = create_model("Asked", __base__=task.request, **fields, model=(str | None, named))
    return model


def _answered(task: Task) -> type[BaseModel]:
    """A response of the task, whose it is, and what it took."""
    taken = Field(description="What the answer took, without loading the model.")
    model: type[BaseModel] = create_model(
        "Answered", __base__=task.response, model=(str, ...), milliseconds=(float, taken)
    )
    return model


async def _refused(fields: list[str], request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return _problem(422, _worded(error.errors()[0], fields))


def _worded(details: Json, fields: list[str]) -> str:
    inside = details["loc"][1:]  # of the body; of what is no JSON, a number
    place = ".".join(map(str, inside)) if inside and isinstance(inside[0], str) else ""
    if details["type"] == "string_too_long":
        return f"the {place} has more than {details['ctx']['max_length']:,} characters; give a shorter one"
    if details["type"] == "missing" and place:
        return f"{place} is missing; give {' and '.join(fields)}" if len(inside) == 1 else f"{place} is missing"
    if details["type"] == "string_type":
        return f"{place} has to be text"
    if details["type"] == "extra_forbidden":
        expected = f"; expected {', '.join(fields)} and, if you like, model" if len(inside) == 1 else ""
        return f"{place!r} means nothing here{expected}"
    if details["type"] == "string_unicode":
        return f"{place} is not legal Unicode: it has half a surrogate pair"
    if place:
        return f"{place}: {details['msg'].removeprefix('Value error, ')}"
    return f"expected a JSON object with {' and '.join(fields)}, sent as application/json"


async def _http_problem(most: dict[str, int], request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 413:
        longest = max(most, key=most.__getitem__, default="text")
        limit = f"; a {longest} may have {most[longest]:,} characters" if most else ""
        return _problem(413, f"the request is too long{limit}")
    if error.status_code == 404:
        return _problem(404, f"there is nothing at {request.url.path}; the page is at /")
    return _problem(error.status_code, str(error.detail))


async def _gone(request: Request, error: Exception) -> JSONResponse:
    return _problem(499, "nobody waits for this answer any more")


async def _distil_problem(request: Request, error: Exception) -> JSONResponse:
    return _problem(422 if isinstance(error, UserError) else 500, str(error))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    return _problem(500, _surprise(error))


def _surprise(error: Exception) -> str:
    return f"unexpected failure ({type(error).__name__}): {first_line(error)}"


def _problem(status: int, message: str) -> JSONResponse:
    return JSONResponse({"message": message}, status_code=status)
