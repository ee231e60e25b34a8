"""What a resource must be to be stored, and what a schema is made of (REST contract, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from limbeck.errors import InvalidSchema, TitleTaken
from limbeck.registry.catalogue import KINDS, Catalogue, Entry
from limbeck.registry.resolve import Body, Node, members, pointed_to, resolve
from limbeck.xdm import standard
from limbeck.xdm.json_schema import parse_object
from limbeck.xdm.types import Behaviour, Object

BEHAVIOURS: dict[str, Behaviour] = {
    standard.RECORD: "record",
    standard.TIME_SERIES: "time-series",
    standard.ADHOC: "adhoc",
}


@dataclass(frozen=True, slots=True)
class Composition:
    """The parts of a schema, by `$id`."""

    class_id: str
    behaviour_id: str
    field_groups: tuple[str, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """Class and field groups."""
        return (self.class_id, *self.field_groups)


def resolved(body: Node, catalogue: Catalogue) -> Body:
    """Return *body* with all references followed."""
    return resolve(body, catalogue.lookup)


def fields_of(body: Node, catalogue: Catalogue) -> Object:
    """Return the fields of a resource, its references followed; raise `InvalidSchema` if it has none."""
    return parse_object(resolved(body, catalogue))


def known_fields(body: Node, catalogue: Catalogue) -> Object:
    """Return the fields of a stored schema; an ad-hoc one may have none yet."""
    found = resolved(body, catalogue)
    return parse_object(found) if found.get("properties") else Object(())


def check(kind: str, body: Node, catalogue: Catalogue) -> None:
    """Raise `InvalidSchema` unless *body* can be stored as a resource of this *kind*."""
    title = body.get("title")
    if not isinstance(title, str) or not title.strip():
        raise InvalidSchema(f'a {KINDS[kind]} needs a "title"; found {title!r}')
    _check_tags(body.get("meta:immutableTags", []))
    if kind == "schemas":
        adhoc = composition(body, catalogue).class_id == standard.ADHOC
    else:
        adhoc = False
        _check_part(kind, body, catalogue)
    if kind != "datatypes" and not adhoc:
        _check_own_fields(kind, body, catalogue.sandbox.tenant)
    fields_of(body, catalogue)


def check_title(kind: str, title: str, catalogue: Catalogue) -> None:
    """Raise `TitleTaken` if another resource of this *kind* in the sandbox has this *title*."""
    if (other := catalogue.titled(kind, title)) is not None:
        raise TitleTaken(
            f'title must be unique: a {KINDS[kind]} with the title "{title}" already exists, {other}; take another '
            "title, use that one, or unset LIMBECK_UNIQUE_TITLES"
        )


def composition(body: Node, catalogue: Catalogue) -> Composition:
    """Return what the schema *body* is made of.

    Raise `InvalidSchema` for an unknown reference, for none or several classes, for a reference to something
    else than a class or field group, and for a field group that does not extend the class.
    """
    entries = [_entry(ref, catalogue) for ref in refs(body)]
    classes = list(dict.fromkeys(e.id for e in entries if e.kind == "classes" or e.id == standard.ADHOC))
    if len(classes) != 1:
        raise InvalidSchema(f'a schema has exactly one class in its "allOf"; found {", ".join(classes) or "none"}')
    groups = [e for e in entries if e.id != classes[0]]
    for group in groups:
        _check_group(group, classes[0])
    ids = tuple(dict.fromkeys(g.id for g in groups))
    return Composition(classes[0], behaviour_id(classes[0], catalogue), ids)


def behaviour_id(class_id: str, catalogue: Catalogue) -> str:
    """Return the `$id` of the behaviour a class is built on; raise `InvalidSchema` if it is built on none."""
    if class_id in BEHAVIOURS:
        return class_id
    for ref in refs(catalogue.get("classes", class_id).body):
        if ref in BEHAVIOURS:
            return ref
    raise InvalidSchema(f'class "{class_id}" has no behaviour')


def refs(body: Node) -> list[str]:
    """Return the references to other resources in *body*'s `allOf`."""
    found = (str(member["$ref"]) for member in members(body) if "$ref" in member)
    return [ref for ref in found if not ref.startswith("#")]


def _entry(ref: str, catalogue: Catalogue) -> Entry:
    found = catalogue.find(ref)
    if found is None:
        raise InvalidSchema(f'"$ref": "{ref}" leads to nothing; create that resource first')
    return found


def _check_group(group: Entry, class_id: str) -> None:
    if group.kind != "fieldgroups":
        raise InvalidSchema(f'"{group.id}" is of kind {group.kind}; a schema is made of a class and field groups')
    extends = group.body.get("meta:intendedToExtend", ())
    if class_id not in extends:
        raise InvalidSchema(
            f'field group "{group.body["title"]}" does not extend class "{class_id}"; it extends '
            f'{", ".join(extends)}: add the class to its "meta:intendedToExtend"'
        )


def _check_part(kind: str, body: Node, catalogue: Catalogue) -> None:
    if kind == "classes":
        if len(set(refs(body)) & set(BEHAVIOURS)) != 1:
            raise InvalidSchema(f'a class has exactly one behaviour in its "allOf"; known are {", ".join(BEHAVIOURS)}')
    elif kind == "fieldgroups":
        _check_extends(body.get("meta:intendedToExtend"), catalogue)


def _check_tags(tags: object) -> None:
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise InvalidSchema(f'"meta:immutableTags" is {tags!r}; it must be a list of tags, such as ["union"]')


def _check_extends(extends: object, catalogue: Catalogue) -> None:
    if not isinstance(extends, list) or not extends:
        raise InvalidSchema(
            'a field group names the classes it extends in "meta:intendedToExtend", as a list of "$id"s'
        )
    for class_id in extends:
        if _entry(str(class_id), catalogue).kind != "classes":
            raise InvalidSchema(f'"meta:intendedToExtend" names "{class_id}", which is not a class')


def _check_own_fields(kind: str, body: Node, tenant: str) -> None:
    allowed = f"_{tenant}"
    for name in own_fields(body):
        if name != allowed:
            raise InvalidSchema(
                f'field "{name}" of {KINDS[kind]} "{body["title"]}" must lie in the object "{allowed}", '
                "as all custom fields do"
            )


def own_fields(body: Node) -> Iterator[str]:
    """Yield the names of the top-level fields that a resource defines itself, not by reference to another."""
    yield from _own_fields(body, body, ())


def _own_fields(node: Node, root: Node, trail: tuple[str, ...]) -> Iterator[str]:
    yield from node.get("properties") or ()
    ref = str(node.get("$ref", ""))
    if ref.startswith("#") and ref not in trail and (target := pointed_to(root, ref)) is not None:
        yield from _own_fields(target, root, (*trail, ref))
    for member in members(node):
        yield from _own_fields(member, root, trail)
