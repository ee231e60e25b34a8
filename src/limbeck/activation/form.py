"""The form of delivered files, as a target connection asks for it (profile contract, section 7.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limbeck.activation.body import mapping
from limbeck.activation.csv_text import CsvText
from limbeck.errors import InvalidInput, NotServed

FILE_TYPES = ("CSV", "PARQUET")
COMPRESSIONS = ("NONE", "GZIP")


@dataclass(frozen=True, slots=True)
class Form:
    """How files are written."""

    file_type: str
    gzip: bool
    csv: CsvText

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Form:
        """Read a target's parameters; raise `InvalidInput` or `NotServed` for what cannot be done."""
        encryption = mapping(params, "encryptionSpecs").get("encryptionAlgo") or "NONE"
        if encryption != "NONE":
            raise NotServed(f"encryptionAlgo is {encryption!r}; this version delivers plain files, encryptionAlgo NONE")
        return cls(
            file_type=_choice(params, "fileType", FILE_TYPES, "CSV"),
            gzip=_choice(params, "compression", COMPRESSIONS, "NONE") == "GZIP",
            csv=CsvText.of(mapping(params, "csvOptions")),
        )

    @property
    def ending(self) -> str:
        """The end of a file's name; a compressed Parquet file is compressed inside."""
        return self.file_type.lower() + (".gz" if self.gzip and self.file_type == "CSV" else "")


def _choice(params: Mapping[str, Any], key: str, allowed: Sequence[str], default: str) -> str:
    found = str(params.get(key) or default).upper()
    if found not in allowed:
        raise InvalidInput(f"the target's {key} is {params[key]!r}; a file is delivered as {' or '.join(allowed)}")
    return found
