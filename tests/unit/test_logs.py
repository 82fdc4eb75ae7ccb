"""One shape for all log lines, from the house and from libraries, without secrets."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from exchange.logs import configure
from exchange.settings import Settings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_the_house_and_libraries_log_the_same_shape(make_settings: Callable[..., Settings]) -> None:
    stream = io.StringIO()
    configure(make_settings(), "engine", stream)
    structlog.get_logger().info("batch published", entries=3)
    logging.getLogger("some.library").warning("slow %s", "disk")
    ours, theirs = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert ours["event"] == "batch published"
    assert ours["entries"] == 3
    assert theirs["event"] == "slow disk"
    for line in (ours, theirs):
        assert list(line)[:5] == ["at", "level", "role", "pid", "event"]
        assert line["role"] == "engine"
        assert line["at"].endswith("Z")


def test_an_exception_is_one_line_with_its_traceback(make_settings: Callable[..., Settings]) -> None:
    stream = io.StringIO()
    configure(make_settings(), "api", stream)
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger().exception("request failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(line)["exception"]


def test_the_level_holds_for_both(make_settings: Callable[..., Settings]) -> None:
    stream = io.StringIO()
    configure(make_settings(log_level="warning"), "api", stream)
    structlog.get_logger().info("no")
    logging.getLogger("library").info("no")
    assert stream.getvalue() == ""


def test_values_named_as_secrets_are_masked(make_settings: Callable[..., Settings]) -> None:
    stream = io.StringIO()
    configure(make_settings(), "api", stream)
    structlog.get_logger().info("signed in", token="abc", Password="def", user="u")
    line = json.loads(stream.getvalue())
    assert (line["token"], line["Password"], line["user"]) == ("***", "***", "u")
