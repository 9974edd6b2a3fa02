"""Which hosts are this machine, so that what is sent to them crosses no network and needs no TLS."""

import ipaddress


def is_own_host(host: str) -> bool:
    """Whether a host is this machine: `localhost`, or an address of loopback. Other names may resolve to anything."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
