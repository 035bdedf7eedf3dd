"""What `distil serve` answers to HTTP requests, the page, its models and answers; who may talk to it, and what browsers are told about
its pages."""

from collections.abc import MutableMapping
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field, create_model
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distil.framework.errors import DistilError, UserError, first_line
from distil.framework.files import Json
from distil.framework.tasks.base import Task
from distil.launch.serve_models import Models, Worker

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_EVERYWHERE = ("0.0.0.0", "::")
_DRAINED = 8  # times the longest body
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_MOST_BYTES = 4 * 2**20  # of a body: the longest text, even with every character escaped, and more
_PAGE = Path(__file__).parent / "page"


class Guard:
    """ASGI middleware that refuses requests made through another page or another name for this machine.

    host: the address that the server is bound to. A page elsewhere could point its own name at this machine (DNS
    rebinding), so that only names in LOOPBACK and `host` itself are served; where that is every address of the machine, any
    address as well, since an address cannot be pointed elsewhere. most_bytes: of a request's body; reading on raises
    HTTPException 413.
    """

    def __init__(self, app: ASGIApp, host: str, most_bytes: int) -> None:
        self._app, self._host, self._most_bytes = app, host.lower(), most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with status 403."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(message)
            await send(message)

        problem = self._problem(scope["method"], headers)
        answer = self._app if problem is None else JSONResponse({"message": problem}, status_code=403)
        await answer(scope, _limited(receive, self._most_bytes), send_with_headers)

    def _problem(self, method: str, headers: Headers) -> str | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        name = _name(host)
        if name not in (*LOOPBACK, self._host) and not (self._host in _EVERYWHERE and _is_address(name)):
            return (
                f"this server is not called {host!r}; open it as http://127.0.0.1, or start it with --host of that name"
            )
        if method not in ("GET", "HEAD") and origin is not None and origin.lower() != f"http://{host.lower()}":
            return f"a page of {origin!r} may not ask here; use the page that this server shows"
        return None


def _limited(receive: Receive, most_bytes: int) -> Receive:
    seen = 0

    async def receive_limited() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen <= most_bytes:
            return message
        # Who is still sending does not listen: a little more is read, and forgotten.
        while message.get("more_body") and seen < _DRAINED * most_bytes:
            message = await receive()
            seen += len(message.get("body", b""))
        raise HTTPException(413)

    return receive_limited


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets; empty if it is no such header."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _add(message: MutableMapping[str, object]) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers[name] = value


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
    """The models that can be asked, and the most characters of what they are asked."""

    run: str
    default: str
    task: str = Field(description="Its kind, as in recipes.")
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
            most=most,
            models=listed,
        )

    @app.get("/api/examples", responses={403: {"model": Problem}})
    def list_examples() -> list[dict[str, str]]:
        """A few requests, of the data on which the models were measured; none where these cannot be had."""
        return models.examples()

    async def answer(asked: Any, request: Request) -> Any:
        """Answer a request of the task. Models are asked one after another."""
        asking = task.request(**asked.model_dump(exclude={"model"}))
        found = await worker.run(lambda: models.answer(asked.model, asking), request.is_disconnected)
        if found is None:
            raise HTTPException(499, "nobody waits for this answer any more")
        return answered_model(**found)

    answer.__annotations__["asked"] = asked_model
    app.add_api_route("/api/answer", answer, methods=["POST"], response_model=answered_model, responses=problems)
    app.add_exception_handler(RequestValidationError, partial(_refused, list(task.request.model_fields)))
    app.add_exception_handler(HTTPException, partial(_http_problem, most))
    app.add_exception_handler(DistilError, _distil_problem)
    app.add_exception_handler(Exception, _unexpected)
    app.mount("/", StaticFiles(directory=_PAGE, html=True), name="page")
    return app


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
    place = details["loc"][1] if len(details["loc"]) > 1 else ""
    if details["type"] == "string_too_long":
        return f"the {place} has more than {details['ctx']['max_length']:,} characters; give a shorter one"
    if details["type"] == "missing" and place:
        return f"{place} is missing; give {' and '.join(fields)}"
    if details["type"] == "string_type":
        return f"{place} has to be text"
    if details["type"] == "extra_forbidden":
        return f"{place!r} means nothing here; expected {', '.join(fields)} and, if you like, model"
    if details["type"] == "string_unicode":
        return f"{place} is not legal Unicode: it has half a surrogate pair"
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


async def _distil_problem(request: Request, error: Exception) -> JSONResponse:
    return _problem(422 if isinstance(error, UserError) else 500, str(error))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    return _problem(500, f"unexpected failure ({type(error).__name__}): {first_line(error)}")


def _problem(status: int, message: str) -> JSONResponse:
    return JSONResponse({"message": message}, status_code=status)
