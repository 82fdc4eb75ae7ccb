"""A request as the doors see it, whoever read it."""

from collections.abc import Mapping
from typing import Final, Protocol

MAX_BODY_BYTES: Final = 16 * 1024


class Request(Protocol):
    """A request as it came, whoever read it: `heads` or the web server."""

    @property
    def method(self) -> str:
        """In capitals."""

    @property
    def path(self) -> str:
        """The path, decoded."""

    @property
    def target(self) -> str:
        """Path and query as they stand in the request line."""

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters; a name may come several times."""

    @property
    def raw_query(self) -> str:
        """The query as it came, without the question mark."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, by names in any case."""

    @property
    def content_type(self) -> str:
        """The media type without its parameters."""

    @property
    def can_read_body(self) -> bool:
        """Whether there is a body."""

    @property
    def remote(self) -> str | None:
        """The address that the connection comes from."""

    async def read(self) -> bytes:
        """The body.

        Raises:
            web.HTTPException: it is too large.
        """
