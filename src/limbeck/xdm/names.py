"""Names of fields beside each other."""

from __future__ import annotations

from collections.abc import Iterable

from limbeck.errors import InvalidSchema


def check_names(names: Iterable[str], where: str) -> None:
    """Raise `InvalidSchema` if a name is empty or two are the same to SQL, which ignores case."""
    seen: dict[str, str] = {}
    for name in names:
        if not name:
            raise InvalidSchema(f"a field of {where} has no name; give it one")
        if (other := seen.get(name.lower())) is not None:
            raise InvalidSchema(
                f'{where} has two fields that SQL cannot tell apart, "{other}" and "{name}"; rename one'
            )
        seen[name.lower()] = name
