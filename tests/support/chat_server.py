"""A real HTTP server that speaks the chat-completions interface, well or badly."""

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Request:
    """One question that came in, and the ways to answer it."""

    def __init__(
        self, handler: BaseHTTPRequestHandler, body: dict[str, Any], attempt: int, gone: Any
    ) -> None:
        self.body = body
        self.attempt = attempt  # 1 for the first time that just this was asked
        self.headers = dict(handler.headers)
        self._handler = handler
        self._gone = gone

    @property
    def messages(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.body["messages"]
        return found

    @property
    def turn(self) -> int:
        return sum(message["role"] == "assistant" for message in self.messages)

    def send(self, status: int, body: Any, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.send_header("Content-Length", str(len(data)))
        self._handler.end_headers()
        self._handler.wfile.write(data)

    def answer(self, content: Any, finish: str = "stop", **message: Any) -> None:
        """200, with this as the assistant's message; a token is a character."""
        size = sum(len(message["content"]) for message in self.messages)
        out = len(content) if isinstance(content, str) else 0
        self.send(
            200,
            {
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": content, **message},
                        "finish_reason": finish,
                    }
                ],
                "usage": {"prompt_tokens": size, "completion_tokens": out},
            },
        )

    def hang(self) -> None:
        """Say nothing until the server ends."""
        self._gone.wait(30)

    def drip(self) -> None:
        """Send a byte now and then, for ever."""
        self._handler.send_response(200)
        self._handler.end_headers()
        while not self._gone.wait(0.05):
            self._handler.wfile.write(b" ")

    def reset(self) -> None:
        """Cut the connection without a word."""
        linger = struct.pack("ii", 1, 0)
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._handler.close_connection = True
        for end in (self._handler.rfile, self._handler.wfile, self._handler.connection):
            end.close()


class ChatServer:
    """Serves `reply` on a free port of this machine until the with-block ends."""

    def __init__(self, reply: Callable[[Request], None]) -> None:
        self.requests: list[Request] = []
        self._gone = threading.Event()
        asked: Counter[str] = Counter()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                asked[text] += 1
                request = Request(self, json.loads(text), asked[text], server._gone)
                request.body["path"] = self.path
                server.requests.append(request)
                try:
                    request.reset() if server._gone.is_set() else reply(request)
                except OSError:  # the other side has gone: what is tested is how it took that
                    self.close_connection = True

            def log_message(self, *_: Any) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None: ...

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        self._server.shutdown()
        self._server.server_close()
