"""A server with the interface of chat completions in this process, as well-behaved or as hostile as a test wants it."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Asked = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What is sent back; cut: so many bytes of it, and the connection is closed; stall: so many of it, and then nothing; gone: nothing,
    and the connection is closed; endless: it again and again, with so many seconds between."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    stall: int | None = None
    gone: bool = False
    endless: float | None = None


@dataclass
class Server:
    """url: its base; asked: the bodies of all requests, in their order; headers: theirs; silence: ends it for who waits in it."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    silence: threading.Event = field(default_factory=threading.Event)


def completion(
    texts: Sequence[str | None],
    model: str = "m",
    usage: tuple[int, int] | None = (10, 2),
    tokens: Sequence[Any] | None = None,
    finish: str = "stop",
) -> Reply:
    """Answers as the interface has them. usage: tokens read and written; tokens: (text, log p, {other text: its log p}) of each place;
    finish: why they end."""
    likely = None
    if tokens is not None:
        likely = {
            "content": [
                {
                    "token": text,
                    "logprob": log_p,
                    "top_logprobs": [{"token": other, "logprob": one} for other, one in others.items()],
                }
                for text, log_p, others in tokens
            ]
        }
    choices = [
        {
            "index": number,
            "message": {"role": "assistant", "content": text},
            "logprobs": likely,
            "finish_reason": finish,
        }
        for number, text in enumerate(texts)
    ]
    counted = None if usage is None else {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    body = {"id": "1", "object": "chat.completion", "model": model, "choices": choices, "usage": counted}
    return Reply(200, json.dumps(body).encode())


def busy(status: int = 429) -> Reply:
    """Refused for now; it may be asked again at once."""
    return Reply(status, b'{"error": {"message": "busy"}}', {"retry-after-ms": "1"})


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # else connections wait for a second where more than a few come at once


@contextmanager
def chat_server(answer: Callable[[Asked], Reply]) -> Iterator[Server]:
    """A server at 127.0.0.1; `answer` is called in several threads."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with noting:
                server.asked.append(body)
                server.headers.append({name.lower(): value for name, value in self.headers.items()})
            reply = answer(body)
            if reply.gone:
                self.connection.close()
                return
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            if reply.endless is None:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            while reply.endless is not None and not server.silence.wait(reply.endless):
                try:
                    self.wfile.write(reply.body)
                except OSError:
                    return
            self.wfile.write(reply.body[: reply.cut if reply.stall is None else reply.stall])
            if reply.stall is not None:
                self.wfile.flush()
                server.silence.wait(300)
            elif reply.cut is not None:
                self.wfile.flush()
                self.connection.close()

        def log_message(self, *_: object) -> None:
            pass

    noting = threading.Lock()
    http = _Threads(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{http.server_port}/v1")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.silence.set()
        http.shutdown()
        thread.join()
        http.server_close()
