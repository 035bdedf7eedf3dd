"""What `distil serve` answers to HTTP requests: the page, its models, and answers."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from framework.errors import DistilError, UserError, first_line
from launch.serve_guard import Guard
from launch.serve_models import Models
from launch.serve_worker import Worker

MOST_CONTEXT, MOST_QUESTION = 200_000, 1_000  # characters
_MOST_BYTES = 4 * 2**20  # of a body: the longest context, even with every character escaped, and more
_PAGE = Path(__file__).parent / "page"


class Asked(BaseModel):
    """A question about a text."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: str = Field(max_length=MOST_QUESTION)
    context: str = Field(max_length=MOST_CONTEXT, description="The text that may hold the answer.")
    model: str | None = Field(
        default=None, description="A name from /api/models; default: the one that is named there."
    )


class Answered(BaseModel):
    """An answer: `context[start:end]`, in code points."""

    score: float = Field(description="Probability among the candidates.")
    start: int = Field(description="-1 for a generator's text that the context does not hold.")
    end: int
    answer: str = Field(description="Empty for 'no answer here'.")
    model: str
    milliseconds: float = Field(description="What the answer took, without loading the model.")


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


class Listing(BaseModel):
    """The models that can be asked, and the most characters of a question and a context."""

    run: str
    default: str
    most_question: int
    most_context: int
    models: list[Listed]


class Problem(BaseModel):
    """What was wrong, in words."""

    message: str


def create_app(models: Models, worker: Worker, host: str) -> FastAPI:
    """The application for a server that is bound to `host`."""
    app = FastAPI(
        title="distil",
        description=f"Questions to {models.title}.",
        docs_url=None,  # it would come from elsewhere
        redoc_url=None,
    )
    app.add_middleware(Guard, host=host, most_bytes=_MOST_BYTES)
    problems: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (403, 413, 422, 500)}

    @app.get("/api/models", responses={403: {"model": Problem}})
    async def list_models() -> Listing:
        """The models, in the order of the run's table."""
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
            most_question=MOST_QUESTION,
            most_context=MOST_CONTEXT,
            models=listed,
        )

    @app.post("/api/answer", responses=problems)
    async def answer(asked: Asked, request: Request) -> Answered:
        """Answer a question about a text. Models are asked one after another."""
        found = await worker.run(
            lambda: models.answer(asked.model, asked.question, asked.context), request.is_disconnected
        )
        if found is None:
            raise HTTPException(499, "nobody waits for this answer any more")
        return Answered(**found)

    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(DistilError, _distil_problem)
    app.add_exception_handler(Exception, _unexpected)
    app.mount("/", StaticFiles(directory=_PAGE, html=True), name="page")
    return app


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return _problem(422, _worded(error.errors()[0]))


def _worded(details: dict[str, Any]) -> str:
    place = details["loc"][1] if len(details["loc"]) > 1 else ""
    if details["type"] == "string_too_long":
        return f"the {place} has more than {details['ctx']['max_length']:,} characters; give a shorter one"
    if details["type"] == "missing" and place:
        return f"{place} is missing; give a question and a context to find its answer in"
    if details["type"] == "string_type":
        return f"{place} has to be text"
    if details["type"] == "extra_forbidden":
        return f"{place!r} means nothing here; expected question, context and, if you like, model"
    if details["type"] == "string_unicode":
        return f"{place} is not legal Unicode: it has half a surrogate pair"
    return "expected a JSON object with question and context, sent as application/json"


async def _http_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 413:
        return _problem(413, f"the request is too long; a context may have {MOST_CONTEXT:,} characters")
    if error.status_code == 404:
        return _problem(404, f"there is nothing at {request.url.path}; the page is at /")
    return _problem(error.status_code, str(error.detail))


async def _distil_problem(request: Request, error: Exception) -> JSONResponse:
    return _problem(422 if isinstance(error, UserError) else 500, str(error))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    return _problem(500, f"unexpected failure ({type(error).__name__}): {first_line(error)}")


def _problem(status: int, message: str) -> JSONResponse:
    return JSONResponse({"message": message}, status_code=status)
