"""A hub to put models on: the part of its HTTP interface that an upload speaks, with files in memory."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import huggingface_hub.constants
import pytest

TOKEN, OTHERS, OWNER = "hf_of_a_test", "hf_that_may_read", "me"


class Hub:
    """repositories: by id whether they are private, and their files; commits: their messages; requests: all that were asked for."""

    def __init__(self) -> None:
        self.private: dict[str, bool] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.commits: list[str] = []
        self.requests: list[str] = []
        self.stored: dict[str, bytes] = {}


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer("GET", self._body())

    def do_POST(self) -> None:
        self._answer("POST", self._body())

    def do_PUT(self) -> None:
        content = self._body()
        self.hub.stored[self.path.rpartition("/")[2]] = content
        self._send(200, {})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, method: str, body: bytes) -> None:
        path, hub = self.path.partition("?")[0], self.hub
        hub.requests.append(f"{method} {path}")
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in (TOKEN, OTHERS):
            return self._send(401, {"error": "Invalid credentials in Authorization header"})
        if path == "/api/repos/create":
            asked = json.loads(body)
            if token != TOKEN or asked["organization"] != OWNER:
                return self._send(403, {"error": "You don't have the rights to create a model under this namespace"})
            id = f"{asked['organization']}/{asked['name']}"
            hub.private[id], hub.files[id] = asked.get("visibility") == "private" or bool(asked.get("private")), {}
            return self._send(200, {"url": f"{self._here()}/{id}", "name": id})
        if path == "/api/validate-yaml":
            return self._send(200, {"errors": [], "warnings": []})
        id = "/".join(path.removeprefix("/api/models/").lstrip("/").split("/")[:2]).removesuffix(".git")
        if id not in hub.private:
            return self._send(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
        return self._of_repository(id, path, body)

    def _of_repository(self, id: str, path: str, body: bytes) -> None:
        hub = self.hub
        if path.endswith("/preupload/main"):
            files = json.loads(body)["files"]
            modes = {True: "lfs", False: "regular"}
            found = [
                {
                    "path": one["path"],
                    "uploadMode": modes[one["path"].endswith((".safetensors", ".onnx"))],
                    "shouldIgnore": False,
                }
                for one in files
            ]
            return self._send(200, {"files": found})
        if path.endswith("/info/lfs/objects/batch"):
            objects = [
                {**one, "actions": {"upload": {"href": f"{self._here()}/lfs/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            return self._send(200, {"transfer": "basic", "objects": objects})
        if path.endswith("/commit/main"):
            return self._commit(id, [json.loads(line) for line in body.decode().splitlines()])
        return self._send(200, {"id": id, "private": hub.private[id], "sha": "0" * 40, "tags": [], "siblings": []})

    def _commit(self, id: str, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                self.hub.commits.append(value["summary"])
            elif line["key"] == "file":
                self.hub.files[id][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                content = self.hub.stored[value["oid"]]
                assert hashlib.sha256(content).hexdigest() == value["oid"]
                self.hub.files[id][value["path"]] = content
        self._send(200, {"success": True, "commitOid": "1" * 40, "commitUrl": f"{self._here()}/{id}/commit/{'1' * 40}"})

    def _here(self) -> str:
        host, port = self.server.server_address[:2]
        return f"http://{host!s}:{port}"

    def _send(self, status: int, values: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        content = json.dumps(values).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(content)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        if status >= 400 and "error" in values:
            self.send_header("X-Error-Message", values["error"])
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def hub_server(patch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on this machine, which huggingface_hub asks within the context, with the token of its owner."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    patch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
    patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    patch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)  # whose servers are others
    patch.setenv("HF_TOKEN", TOKEN)
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
