"""A request's address is the last one that is no proxy of ours; what a client writes itself is never believed."""

from collections.abc import Mapping
from ipaddress import ip_network

import pytest
from multidict import CIMultiDict

from exchange.api.http.addresses import Addresses
from exchange.api.http.heads import Head, PlainRequest

PROXIES = [ip_network("10.0.0.0/8"), ip_network("127.0.0.1"), ip_network("2001:db8::/32")]


def request(remote: str | None, headers: Mapping[str, str] | CIMultiDict[str]) -> PlainRequest:
    return PlainRequest(Head("GET", "/", CIMultiDict(headers), 0), b"", remote)


@pytest.mark.parametrize(
    "remote,forwarded,address",
    [
        ("9.9.9.9", "1.2.3.4", "9.9.9.9"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.7.7.7", "1.2.3.4"),
        ("10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1"),
        ("127.0.0.1", " 1.2.3.4:5555 ", "1.2.3.4"),
        ("2001:db8::1", "[2a00:1::0:2]:443", "2a00:1::2"),
        ("2001:db8::1", "2A00:1::2", "2a00:1::2"),
        ("10.0.0.1", "::ffff:1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, unknown", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, unknown, 10.7.7.7", "10.7.7.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        (None, "1.2.3.4", ""),
    ],
)
def test_the_last_address_that_is_no_proxy_is_the_clients(remote: str | None, forwarded: str, address: str) -> None:
    assert Addresses(PROXIES).of(request(remote, {"X-Forwarded-For": forwarded})) == address


def test_without_proxies_the_header_says_nothing() -> None:
    assert Addresses().of(request("127.0.0.1", {"X-Forwarded-For": "1.2.3.4"})) == "127.0.0.1"
    assert Addresses(PROXIES).of(request("10.0.0.1", {})) == "10.0.0.1"


def test_of_several_headers_the_last_is_the_nearest() -> None:
    headers = CIMultiDict([("x-forwarded-for", "6.6.6.6"), ("X-Forwarded-For", "1.2.3.4")])
    assert Addresses(PROXIES).of(request("10.0.0.1", headers)) == "1.2.3.4"


def test_behind_a_proxy_or_this_machine_there_may_be_many() -> None:
    addresses = Addresses(PROXIES)
    assert [addresses.shared(one) for one in (None, "127.0.0.1", "10.1.2.3")] == [True] * 3
    assert not addresses.shared("9.9.9.9")
    assert not Addresses().shared("10.1.2.3")
