"""Nothing is sent into a private network by way of a name, a number, or one kind of address inside of another."""

import pytest

from billing.outbox.addresses import AddressRefused, networks_of, refuse_unless_allowed, why_not_there

REFUSED = [
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104
    "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1",
    "ff02::1", "ff0e::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "2001:db8::1", "239.1.1.1", "64:ff9b:1::7f00:1", "64:ff9b:1::808:808", "fec0::1",
    "::127.0.0.1", "::8.8.8.8", "::ffff:0:10.0.0.1", "::ffff:0:8.8.8.8", "5f00::1", "4000::1", "1fff::1",
    "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:169.254.169.254", "fe80::5efe:8.8.8.8",
    "3fff:ffff::5efe:127.0.0.1", "192.0.0.8", "192.0.0.192", "192.88.99.1", "3fff::1", "2001:20::1", "198.51.100.1",
    "203.0.113.1", "240.0.0.1", "::ffff:192.88.99.1",
]  # fmt: skip


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_on_the_open_internet_is_refused(address):
    with pytest.raises(AddressRefused) as refused:
        refuse_unless_allowed(address, ())
    assert address not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2606:4700::5efe:8.8.8.8"],
)
def test_an_address_of_the_open_internet_is_not(address):
    refuse_unless_allowed(address, ())


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_what_the_configuration_allows_is_allowed_and_its_neighbour_is_not(address):
    allowed = networks_of(["10.1.2.0/24"])
    refuse_unless_allowed(address, allowed)
    with pytest.raises(AddressRefused):
        refuse_unless_allowed(address.replace("10.1.2.", "10.1.3."), allowed)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "[::ffff:10.0.0.1]", "[fe80::1%25eth0]", "10.1", "167772161", "0xa000001", "127.0.0.1"]
)
def test_an_address_that_is_written_in_a_url_is_looked_at_in_every_spelling(host):
    assert "webhooks.allow" in (why_not_there(f"http://{host}:8080/x", ()) or "")
    assert why_not_there(f"http://{host}/x", networks_of(["0.0.0.0/0", "fe80::/10"])) is None


@pytest.mark.parametrize("host", ["shop.example.com", "localhost", "8.8.8.8", "1e100.net", "[2606:4700::1111]"])
def test_a_name_is_looked_at_only_where_it_leads_when_something_is_sent(host):
    assert why_not_there(f"https://{host}/x", ()) is None
