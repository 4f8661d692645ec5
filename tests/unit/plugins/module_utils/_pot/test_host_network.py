# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of pots on a bridge leaves alone what the host itself has."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._pot import host_network, settings
from hypothesis import given
from hypothesis import strategies as st


def test_the_default_interface():
    route = (
        "   route to: 0.0.0.0\ndestination: 0.0.0.0\n    gateway: 10.0.2.2\n        fib: 0\n  interface: vtnet0\n      "
        "flags: <UP,GATEWAY,DONE,STATIC>\n"
    )
    assert host_network.default_interface(route) == "vtnet0"
    assert host_network.default_interface("route: route has not been found\n") == ""


# As FreeBSD 15.0 prints them on a host with a pot behind a bridge, whose own address lies in pot's usual network.
IFCONFIG = """vtnet0: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500
\toptions=880028<VLAN_MTU,JUMBO_MTU,LINKSTATE,HWSTATS>
\tether 52:54:00:00:08:b1
\tinet 10.0.2.15 netmask 0xffffff00 broadcast 10.0.2.255
\tmedia: Ethernet autoselect (10Gbase-T <full-duplex>)
vtnet1: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500
\tinet 10.199.0.150 netmask 0xffffff00 broadcast 10.199.0.255
\tinet 10.199.0.151 netmask 0xffffffff broadcast 10.199.0.151
lo0: flags=1008049<UP,LOOPBACK,RUNNING,MULTICAST,LOWER_UP> metric 0 mtu 16384
\tinet 127.0.0.1 netmask 0xff000000
\tinet6 ::1 prefixlen 128
\tgroups: lo
bridge0: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500
\tdescription: pot public bridge
\tinet 172.20.0.1 netmask 0xffff0000 broadcast 172.20.255.255
\tmember: p46b0b57722018 flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>
\t        port 4 priority 128 path cost 2000 vlan protocol 802.1q
\tgroups: bridge pot
"""

# The same host with IPv6 on one of its interfaces.
WITH_IPV6 = IFCONFIG.replace(
    "\tmedia: Ethernet",
    "\tinet6 fe80::5054:ff:fe00:8b1%vtnet0 prefixlen 64 scopeid 0x1\n\tinet6 2001:db8:0:1::15 prefixlen 64\n"
    "\tinet6 2001:db8:0:2::20 prefixlen 128\n\tnd6 options=21<PERFORMNUD,AUTO_LINKLOCAL>\n\tmedia: Ethernet",
).replace("\tinet 10.199.0.150", "\tnd6 options=29<PERFORMNUD,IFDISABLED,AUTO_LINKLOCAL>\n\tinet 10.199.0.150")


@pytest.mark.parametrize(
    "address, interface",
    [
        ("10.0.2.20", "vtnet0"),
        ("10.199.0.160", "vtnet1"),
        # Another pot's, whose network is itself alone.
        ("10.199.1.151", ""),
        ("192.0.2.1", ""),
        ("2001:db8:0:1::20", "vtnet0"),
        ("2001:db8:0:2::21", ""),
        ("fd00::1", ""),
    ],
)
def test_the_interface_whose_network_an_address_lies_in(address, interface):
    assert host_network.carrier(address, WITH_IPV6) == interface


def test_of_two_networks_the_smaller_one():
    wider = WITH_IPV6.replace("10.0.2.15 netmask 0xffffff00", "10.0.2.15 netmask 0xff000000")
    assert host_network.carrier("10.199.0.160", wider) == "vtnet1"
    assert host_network.carrier("10.198.0.160", wider) == "vtnet0"


def test_interfaces_on_which_ipv6_is_switched_off():
    assert host_network.without_ipv6(WITH_IPV6) == ["vtnet1"]
    assert host_network.without_ipv6("") == []


NETSTAT = """Routing tables

Internet:
Destination        Gateway            Flags         Netif Expire
default            10.0.2.2           UGS          vtnet0
10.0.2.0/24        link#1             U            vtnet0
10.0.2.15          link#3             UHS             lo0
10.199.0.0/24      link#2             U            vtnet1
10.199.0.150       link#3             UHS             lo0
127.0.0.1          link#3             UH              lo0
172.20.0.0/16      link#5             U           bridge0
172.20.0.1         link#3             UHS             lo0
"""


def places(ifconfig=IFCONFIG, netstat=NETSTAT, resolv_conf="# by DHCP\nnameserver 10.0.2.3\nnameserver ::1\n"):
    return [
        (place.what, str(place.network))
        for place in host_network.places_of(ifconfig, netstat, resolv_conf, {"10.192.0.1"})
    ]


def test_what_of_the_machine_has_an_address():
    assert places() == [
        ("the address 10.0.2.15 of vtnet0", "10.0.2.15/32"),
        ("the address 10.199.0.150 of vtnet1", "10.199.0.150/32"),
        ("the address 10.199.0.151 of vtnet1", "10.199.0.151/32"),
        ("the address 127.0.0.1 of lo0", "127.0.0.1/32"),
        ("the name server 10.0.2.3", "10.0.2.3/32"),
        ("the gateway 10.0.2.2", "10.0.2.2/32"),
        ("the route to 10.0.2.0/24", "10.0.2.0/24"),
        ("the route to 10.199.0.0/24", "10.199.0.0/24"),
    ]


DEFAULT = {key: settings.DEFAULTS[key] for key in host_network.NETWORK_KEYS}


@pytest.mark.parametrize(
    "ifconfig, netstat, resolv_conf, named",
    [
        (IFCONFIG, "", "", "the address 10.199.0.150 of vtnet1"),
        ("", "default 10.200.0.1 UGS em0\n", "", "the gateway 10.200.0.1"),
        ("", "10.254/16 10.0.2.9 UGS em0\n", "", "the route to 10.254/16"),
        ("", "10.192.0.0/10 10.0.2.9 UGS em0\n", "", "the route to 10.192.0.0/10"),
        ("", "", "nameserver 10.254.0.53\n", "the name server 10.254.0.53"),
        (
            "em0: flags=8843<UP>\n\tinet 10.192.0.9 --> 10.8.0.2 netmask 0xffffffff\n",
            "",
            "",
            "the address 10.192.0.9 of em0",
        ),
    ],
)
def test_what_lies_in_pots_network_is_named(ifconfig, netstat, resolv_conf, named):
    problem = host_network.network_conflict(DEFAULT, host_network.places_of(ifconfig, netstat, resolv_conf, set()))
    assert f"pot's network 10.192.0.0/10 takes in {named}" in problem


@pytest.mark.parametrize(
    "netstat",
    [
        "10.0.0.0/8 10.0.2.9 UGS em0\n",
        "default 10.0.2.2 UGS em0\n0.0.0.0/1 10.0.2.2 UGS tun0\n",
        "10.192.0.0&0xff link#1 U em0\n",
    ],
)
def test_what_only_surrounds_it_is_not(netstat):
    assert host_network.network_conflict(DEFAULT, host_network.places_of("", netstat, "", set())) is None


def test_the_network_that_is_proposed_is_free():
    netstat = (
        "172.16.0.0/14 10.0.2.9 UGS em0\n172.20.0.0/16 10.0.2.9 UGS em0\n172.21.5.0/24 10.0.2.9 UGS em0\n10.199.0.0/16 "
        "link#1 U em0\n"
    )
    problem = host_network.network_conflict(DEFAULT, host_network.places_of("", netstat, "", set()))
    assert "{POT_NETWORK: 172.22.0.0/16, POT_NETMASK: 255.255.0.0, POT_GATEWAY: 172.22.0.1}" in problem
    everything = [
        host_network.Place("all", network)
        for network in map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
    ]
    assert host_network.free_network(everything) is None
    assert "take a network" not in host_network.network_conflict(
        DEFAULT, everything + [host_network.Place("it", ipaddress.IPv4Network("10.193.0.0/16"))]
    )


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 32)), max_size=5))
def test_no_proposal_touches_a_route(routes):
    taken = [host_network.Place("x", ipaddress.IPv4Network(route, strict=False)) for route in routes]
    free = host_network.free_network(taken)
    assert free is None or free.is_private and not any(free.overlaps(place.network) for place in taken)


@given(st.text(), st.text(), st.text())
def test_whatever_the_commands_print_is_read(ifconfig, netstat, resolv_conf):
    places(ifconfig, netstat, resolv_conf)
    places("em0: \n\tinet " + ifconfig, "10.0.0.0/8 " + netstat + " U em0", "nameserver " + resolv_conf)


@given(st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,4}){0,3}(/[0-9]{1,3})?", fullmatch=True))
def test_no_number_is_too_large_for_it(destination):
    places(
        f"em0: \n\tinet {destination} netmask 0xff\n",
        f"{destination} {destination} UGS em0\n",
        f"nameserver {destination}\n",
    )
