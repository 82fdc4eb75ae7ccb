"""A drive that takes longer than a token lives."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from exchange.clients.gateway_door import Gateway
from exchange.clients.stage import DriveError


class Server(ThreadingHTTPServer):
    """Gives the tokens `t1`, `t2`, … and takes the newest only."""

    newest = 0
    refreshable = True

    def signed(self) -> dict[str, object]:
        self.newest += 1
        return {"token": f"t{self.newest}", "refresh_token": f"r{self.newest}", "account": 100}


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/v1/signup":
            self._answer(201, {"email": body["email"]})
        elif self.path == "/api/v1/signin":
            self._answer(200, self.server.signed())
        elif self.path == "/api/v1/refresh":
            good = self.server.refreshable and body["refresh_token"].startswith("r")
            self._answer(200, self.server.signed()) if good else self._refuse()
        elif self.headers["Authorization"] == f"Bearer t{self.server.newest}":
            self._answer(200, {"done": body})
        else:
            self._refuse()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _refuse(self) -> None:
        self._answer(401, {"error": {"code": "unauthorized", "message": "…", "field": None}})

    def _answer(self, status: int, answer: object) -> None:
        raw = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_a_token_that_is_over_is_refreshed_and_the_request_repeated(server: Server) -> None:
    gateway = Gateway(f"http://127.0.0.1:{server.server_port}", "TATA-INR", "run")
    assert gateway.open_accounts() == (100, 100)
    first = gateway.tokens[0]
    response, answer = gateway.request("POST", "/api/v1/order", {"n": 1}, first)
    assert (response.status, answer) == (200, {"done": {"n": 1}})
    assert gateway.tokens[0] == "t3" != first


def test_a_session_that_is_over_ends_the_drive(server: Server) -> None:
    gateway = Gateway(f"http://127.0.0.1:{server.server_port}", "TATA-INR", "run")
    gateway.open_accounts()
    server.refreshable = False
    with pytest.raises(DriveError, match="unauthorized"):
        gateway.request("POST", "/api/v1/order", {"n": 1}, gateway.tokens[0])
