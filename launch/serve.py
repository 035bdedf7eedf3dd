"""`distil serve`: a local page, and an HTTP endpoint, to ask the models of a run."""

import errno
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from distil.framework.errors import OutputError
from distil.framework.extras import need
from distil.launch.interrupt import CTRL_C, INTERRUPT
from distil.launch.quiet import be_quiet


def serve(source: Path, model: str | None, host: str, port: int) -> None:
    """Serve until ^C. Raises OutputError for a port or host that cannot be had, and DistilError for models."""
    be_quiet()
    need("`distil serve`", "fastapi", "uvicorn")
    with _listen(host, port) as listening:
        with suppress(KeyboardInterrupt):  # which uvicorn may have swallowed: it ends for nothing else
            _serve(source, model, host, listening)
        print("distil: stopped", file=sys.stderr, flush=True)
        # At once: a model may be at work in its thread, and there is nothing to put away. ^C is how one is done with serving.
        os._exit(0 if INTERRUPT.exit_code == CTRL_C else INTERRUPT.exit_code)


def _serve(source: Path, model: str | None, host: str, listening: socket.socket) -> None:
    from distil.launch.quiet import collect_as_usual, quiet_transformers

    quiet_transformers()
    import uvicorn

    from distil.launch.serve_app import create_app
    from distil.launch.serve_guard import LOOPBACK
    from distil.launch.serve_models import models_in
    from distil.launch.serve_worker import Worker

    collect_as_usual()
    models, worker = models_in(source, model), Worker()
    worker.submit(models.by_name[models.default].load).result()
    if host not in LOOPBACK:
        print(f"distil: anyone who reaches {_address(listening)} can ask questions", file=sys.stderr)
    config = uvicorn.Config(
        create_app(models, worker, host),
        log_level="error" if os.environ.get("DISTIL_DEBUG") else "critical",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=0,  # seconds; whoever waits for an answer does not keep ^C waiting
    )
    print(f"{models.title}: ask {models.default} at http://{_address(listening)}, stop with ^C", flush=True)
    uvicorn.Server(config).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any free one."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError):
        raise OutputError(f"there is no host '{host}'; use --host 127.0.0.1, or an address of this machine") from None
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen()
    except OSError as error:
        listening.close()
        raise OutputError(_refusal(error, host, port)) from None
    return listening


def _refusal(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        with _listen(host, 0) as free:
            return f"port {port} is taken by another program; use another one: --port {free.getsockname()[1]}"
    if error.errno == errno.EACCES:
        return f"port {port} is for the system's own programs; use one from 1024 on: --port 8000"
    return (
        f"cannot listen at {host}, port {port} ({error.strerror}); use --host 127.0.0.1, or an address of this machine"
    )


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
