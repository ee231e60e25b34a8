"""What lets programs that were written for Adobe's hosts reach this server instead, by environment variables only."""

from limbeck.proxy.authority import Authority
from limbeck.proxy.front import Unserved
from limbeck.proxy.server import ProxyServer
from limbeck.proxy.variables import trust, way

__all__ = ["Authority", "ProxyServer", "Unserved", "trust", "way"]
