"""The Schema Registry's Accept header: the form in which a resource is wanted (REST contract, section 4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from limbeck.errors import NotAcceptable

_GRAMMAR = re.compile(
    r"application/vnd\.adobe\.(?P<kind>xed|xdm)(?P<forms>(-[a-z0-9]+)*)\+json(\s*;\s*version=(?P<version>\d+(\.\d+)?))?"
)
_FORMS = frozenset({"v2", "full", "notext", "desc", "flat", "deprecated", "deprecatefield", "id", "link"})
_PLAIN = re.compile(r"(application|\*)/(json|\*)(\s*;.*)?")


@dataclass(frozen=True, slots=True)
class Form:
    """What an Accept header asks for."""

    forms: frozenset[str] = frozenset()
    version: str | None = None
    is_plain: bool = False
    """Whether any JSON will do."""

    def __contains__(self, form: str) -> bool:
        return form in self.forms

    @property
    def deprecated(self) -> bool:
        """Whether fields that are deprecated are to be marked."""
        return bool(self.forms & {"deprecated", "deprecatefield"})


def form_of(accept: str) -> Form:
    """Return what a header asks for; plain JSON and nothing at all ask for the resource as it is stored.

    Raise `NotAcceptable` for a media type of Adobe's that is not one of the registry's.
    """
    for wanted in accept.split(","):
        found = _GRAMMAR.fullmatch(wanted.strip())
        forms = frozenset((found["forms"] if found else "").split("-")[1:])
        if found is not None and forms <= _FORMS:
            return Form(forms, found["version"])
        if not wanted.strip() or _PLAIN.fullmatch(wanted.strip()):
            return Form(is_plain=True)
    told = "application/vnd.adobe.{xed|xdm}[-full][-notext][-desc][-flat][-deprecated|-id|-link]+json; version=1"
    raise NotAcceptable(f"the header Accept is {accept!r}; the Schema Registry knows {told}")


def _wanted(request: Request) -> Form:
    return form_of(request.headers.get("accept", ""))


Wanted = Annotated[Form, Depends(_wanted)]
