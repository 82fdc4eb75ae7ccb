"""Where the stream server is and how to be let in, as `REDIS_URL` says it.

    unix:///path/to/socket?db=0      redis://user:password@host:6379/0      rediss://… (TLS)

TLS checks the server's certificate and name against the system's authorities, unless the URL says otherwise:
`ssl_ca_certs`, `ssl_ca_path`, `ssl_certfile`, `ssl_keyfile`, `ssl_password`, `ssl_cert_reqs` (none, optional, required)
and `ssl_check_hostname` mean what they mean to redis-py, which also reads the URL.
"""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self, cast

from redis.connection import SSLConnection, parse_url

from exchange.effects.redis.wire import Request, request

_PORT: Final = 6379
_VERIFY: Final = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


@dataclass(frozen=True)
class Address:
    """A server to connect to: a unix socket's `path`, or else `host` and `port`, with TLS if there is a context."""

    path: str
    host: str
    port: int
    tls: ssl.SSLContext | None
    greeting: tuple[Request, ...]
    """What to send first: log in, and choose the database."""

    @classmethod
    def of(cls, url: str) -> Self:
        """Read a URL.

        Raises:
            ValueError: it is none that this understands, or names files for TLS that cannot be read.
        """
        options: Mapping[str, object] = parse_url(url)  # type: ignore[no-untyped-call]
        greeting = []
        if "password" in options:
            user = [str(options["username"])] if "username" in options else []
            greeting.append(request("AUTH", *user, str(options["password"])))
        if options.get("db"):
            greeting.append(request("SELECT", str(options["db"])))
        return cls(
            str(options.get("path", "")),
            str(options.get("host", "localhost")),
            cast(int, options.get("port", _PORT)),
            _tls(options) if options.get("connection_class") is SSLConnection else None,
            tuple(greeting),
        )

    def greeted(self, *more: Request) -> Self:
        """The same, with more to say on a new connection."""
        return replace(self, greeting=self.greeting + more) if more else self

    def connect(self, seconds: float) -> socket.socket:
        """A connected socket whose every operation may take so many seconds; nothing has been said on it.

        Raises:
            OSError: there is no way there now, or the server's certificate is not accepted.
        """
        if self.path:
            opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            opened.settimeout(seconds)
            try:
                opened.connect(self.path)
            except OSError:
                opened.close()
                raise
            return opened
        opened = socket.create_connection((self.host, self.port), seconds)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls is None:
            return opened
        try:
            return self.tls.wrap_socket(opened, server_hostname=self.host)
        except OSError:
            opened.close()
            raise


def _tls(options: Mapping[str, object]) -> ssl.SSLContext:
    def text(name: str) -> str | None:
        return str(options[name]) if name in options else None

    try:
        context = ssl.create_default_context(cafile=text("ssl_ca_certs"), capath=text("ssl_ca_path"))
        certificate = text("ssl_certfile")
        if certificate is not None:
            context.load_cert_chain(certificate, text("ssl_keyfile"), text("ssl_password"))
    except OSError as error:
        raise ValueError(f"REDIS_URL names files for TLS that cannot be used: {error}") from error
    wanted = text("ssl_cert_reqs") or "required"
    if wanted not in _VERIFY:
        raise ValueError(f"ssl_cert_reqs in REDIS_URL is none, optional or required, not {wanted}")
    context.check_hostname = wanted == "required" and bool(options.get("ssl_check_hostname", True))
    context.verify_mode = _VERIFY[wanted]
    return context
