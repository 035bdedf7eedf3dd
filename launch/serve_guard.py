"""Who may talk to `distil serve`, and what browsers are told about its pages."""

from collections.abc import MutableMapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


class Guard:
    """ASGI middleware that refuses requests made through another page or another name for this machine.

    host: the address that the server is bound to. A page elsewhere could point its own name at this machine (DNS
    rebinding), so that only names in LOOPBACK and `host` itself are served; where that is every address of the machine, any
    address as well, since an address cannot be pointed elsewhere. most_bytes: of a request's body; reading on raises
    HTTPException 413. Starlette's TrustedHostMiddleware knows names alone, not any address, and says nothing of who asks.
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
