"""Limbeck: an experience-data platform with a propensity pipeline on top.

>>> import limbeck
>>> aep = limbeck.connect()            # embedded; connect(config="config.ini") for a server or AEP
>>> aep.sql("select count(*) from visits").scalar()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from limbeck.connect import connect
from limbeck.version import VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from limbeck.client import Client
    from limbeck.errors import LimbeckError
    from limbeck.housekeeping import clean
    from limbeck.platform import Platform
    from limbeck.settings import Settings
    from limbeck.workflow.champion import promote
    from limbeck.workflow.definition import Definition
    from limbeck.workflow.explain import explain
    from limbeck.workflow.monitor import monitor
    from limbeck.workflow.plan import plan
    from limbeck.workflow.run import run, steps
    from limbeck.workflow.truth import truth

__all__ = [
    "Client",
    "Definition",
    "LimbeckError",
    "Platform",
    "Settings",
    "clean",
    "connect",
    "explain",
    "monitor",
    "plan",
    "promote",
    "run",
    "steps",
    "truth",
]

_HOMES = {
    "Client": "limbeck.client",
    "Definition": "limbeck.workflow.definition",
    "LimbeckError": "limbeck.errors",
    "Platform": "limbeck.platform",
    "Settings": "limbeck.settings",
    "clean": "limbeck.housekeeping",
    "explain": "limbeck.workflow.explain",
    "monitor": "limbeck.workflow.monitor",
    "promote": "limbeck.workflow.champion",
    "plan": "limbeck.workflow.plan",
    "run": "limbeck.workflow.run",
    "steps": "limbeck.workflow.run",
    "truth": "limbeck.workflow.truth",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import limbeck` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'limbeck' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
