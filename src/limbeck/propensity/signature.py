"""What a model wants to be asked about: its features, which of them are numbers, and the texts that training saw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limbeck.errors import InvalidInput
from limbeck.propensity import frames
from limbeck.propensity.calibrate import pipeline_of

if TYPE_CHECKING:
    import pyarrow as pa

TEXT, NUMBER = "a text", "a number"
MEND = "make the set by the definition that the model was trained with, or train a model of what there is"


@dataclass(frozen=True, slots=True)
class Signature:
    """The features of a fitted model."""

    features: tuple[str, ...]
    kinds: Mapping[str, str]
    """`TEXT` or `NUMBER`, as far as the model tells."""
    texts: Mapping[str, pa.Array]
    """The values of texts that training saw, where the model keeps them."""

    def check(self, schema: pa.Schema, model: str) -> None:
        """Raise `InvalidInput` if a set of *schema* lacks a feature of the *model*, or has it as another kind."""
        missing = [name for name in self.features if name not in schema.names]
        if missing:
            raise InvalidInput(
                f"the set to be scored has no feature {', '.join(missing)}, which {model} was trained with; {MEND}",
                missing=missing,
            )
        for name, kind in self.kinds.items():
            if (found := _kind(schema.field(name).type)) not in (kind, None):
                raise InvalidInput(
                    f"the feature {name} is {found} in the set to be scored, and {kind} to {model}; {MEND}",
                    feature=name,
                )

    def unseen(self, table: pa.Table) -> Iterator[tuple[str, pa.Array]]:
        """Yield each text of *table* with the values, one for each row, that training did not see."""
        import pyarrow.compute as pc

        for name, known in self.texts.items():
            column = table.column(name).cast(known.type)
            odd = pc.and_(pc.is_valid(column), pc.invert(pc.is_in(column, value_set=known)))
            if pc.any(odd).as_py():
                yield name, column.filter(odd)


def signature(model: Any) -> Signature:
    """Return what a fitted *model* (a pipeline, or a calibrator around one) is to be asked about."""
    import pyarrow as pa

    pipeline = pipeline_of(model)
    kinds, texts = {}, {}
    for _, part, columns in getattr(pipeline[0], "transformers_", ()):
        flags = hasattr(part, "categories_")
        for place, name in enumerate(columns if isinstance(columns, list) else ()):
            kinds[name] = TEXT if flags else NUMBER
            if flags:
                texts[name] = pa.array([v for v in part.categories_[place] if isinstance(v, str)], pa.string())
    return Signature(tuple(map(str, pipeline.feature_names_in_)), kinds, texts)


def _kind(kind: pa.DataType) -> str | None:
    """Return what `frames.of` makes of a type; None for a column in which everything is missing."""
    import pyarrow.types as pt

    if pt.is_null(kind):
        return None
    return NUMBER if frames.is_number(kind) else TEXT
