"""What the blocking client does when its connection is lost: what only reads is asked again, what acts never is."""

import socket
import threading
from collections.abc import Iterator

import pytest

from exchange.client import Client, TryAgain, UnknownOutcome

_TOLD = b'{"time": 7, "canceled": 0}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_TOLD), _TOLD)


class Moody:
    """Answers one request of each connection, and hangs up at the next; `heard` are the request lines."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        if self._listening.fileno() < 0:
            return
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                if self._hear(connection):
                    connection.sendall(_ANSWER)
                    self._hear(connection)

    def _hear(self, connection: socket.socket) -> bool:
        received = b""
        while b"\r\n\r\n" not in received:
            more = connection.recv(4096)
            if not more:
                return False
            received += more
        self.heard.append(received.partition(b" HTTP")[0].decode())
        return True


@pytest.fixture
def moody() -> Iterator[Moody]:
    made = Moody()
    yield made
    made.close()


def test_what_only_reads_is_asked_again_when_an_idle_connection_is_gone(moody: Moody) -> None:
    with Client(moody.url) as exchange:
        assert [exchange.time(), exchange.time()] == [7, 7]
    assert moody.heard == ["GET /api/v1/time"] * 3


def test_what_acts_is_never_sent_twice(moody: Moody) -> None:
    with Client(moody.url) as exchange:
        exchange.time()
        with pytest.raises(UnknownOutcome):
            exchange.cancel_all()
    assert moody.heard == ["GET /api/v1/time", "DELETE /api/v1/orders"]


def test_an_exchange_that_is_gone_for_good_is_to_be_asked_later(moody: Moody) -> None:
    with Client(moody.url) as exchange:
        exchange.time()
        exchange.close()
        moody.close()
        with pytest.raises(TryAgain):
            exchange.time()
