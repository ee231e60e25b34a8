"""Reading and writing XDM's JSON Schema, and the errors that name what is wrong."""

import pytest

from limbeck.errors import InvalidSchema
from limbeck.xdm.json_schema import emit, kind, parse, parse_object
from limbeck.xdm.types import Array, Field, Map, Object, Scalar


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "date-time"}, "date-time"),
        ({"type": "string", "format": "uri"}, "string"),
        ({"type": "number"}, "number"),
        ({"type": "boolean"}, "boolean"),
        ({"type": "integer"}, "long"),
        ({"type": "integer", "minimum": 0}, "long"),
        ({"type": "integer", "minimum": -128, "maximum": 127}, "byte"),
        ({"type": "integer", "minimum": -128, "maximum": 128}, "byte"),
        ({"type": "integer", "minimum": 0, "maximum": 129}, "short"),
        ({"type": "integer", "minimum": -32768, "maximum": 32768}, "short"),
        ({"type": "integer", "minimum": -(2**31), "maximum": 2**31}, "int"),
        ({"type": "integer", "minimum": -(2**53), "maximum": 2**53}, "long"),
        ({"type": "integer", "minimum": 0, "maximum": 9, "meta:xdmType": "long"}, "long"),
        ({"type": "number", "meta:xdmType": "double"}, "number"),
        ({"type": ["null", "string"]}, "string"),
        ({"properties": {"a": {"type": "string"}}}, "object"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "map"),
        ({"type": "object", "additionalProperties": {"type": "string"}, "meta:xdmType": "object"}, "map"),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "string"}}, "object"),
        ({"type": "array", "items": {"type": "string"}}, "array"),
    ],
)
def test_kind_of_node(node, expected):
    assert kind(node) == expected


def test_constraints_are_read_and_bounds_of_the_type_itself_are_none():
    assert parse({"type": "integer", "minimum": -128, "maximum": 127}) == Scalar("byte")
    assert parse({"type": "integer", "minimum": 0, "maximum": 100}) == Scalar("byte", minimum=0, maximum=100)
    assert parse({"type": "number", "minimum": 0.5}) == Scalar("number", minimum=0.5)
    assert parse({"type": "string", "format": "email", "pattern": "^a", "minLength": 1, "maxLength": 9}) == Scalar(
        "string", format="email", pattern="^a", min_length=1, max_length=9
    )


def test_enum_closes_the_values_and_meta_enum_does_not():
    suggested = {"type": "string", "meta:enum": {"y": "Yes"}}
    assert parse(suggested) == Scalar("string")
    assert parse(suggested | {"enum": ["y", "n"]}) == Scalar("string", enum=("y", "n"))


def test_required_titles_and_nesting():
    parsed = parse_object(
        {
            "properties": {
                "id": {"type": "string", "title": "Id", "description": "Which one"},
                "tags": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "number"}}},
            },
            "required": ["id"],
        }
    )
    assert parsed == Object((Field("id", Scalar("string"), required=True), Field("tags", Map(Array(Scalar("number"))))))
    assert (parsed.fields[0].title, parsed.fields[0].description) == ("Id", "Which one")
    assert emit(parsed)["properties"]["id"]["title"] == "Id"
    assert emit(parsed)["properties"]["id"]["description"] == "Which one"


def test_emitted_nodes_state_type_bounds_and_xdm_type():
    assert emit(Scalar("short")) == {
        "type": "integer",
        "minimum": -32768,
        "maximum": 32767,
        "meta:xdmType": "short",
    }
    assert emit(Scalar("date")) == {"type": "string", "format": "date", "meta:xdmType": "date"}


def _deep(levels: int) -> dict:
    return {"properties": {"a": _deep(levels - 1)}} if levels else {"type": "string"}


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"type": "text"}, "'text'"),
        ({}, "None"),
        ({"type": "string", "meta:xdmType": "strin"}, 'did you mean "string"'),
        ({"type": "object"}, 'without "properties"'),
        ({"type": "array"}, 'without "items"'),
        ({"type": "object", "meta:xdmType": "map"}, "additionalProperties"),
        ({"type": "string", "pattern": "("}, "regular expression"),
        ({"type": "string", "pattern": "(?=a)"}, "regular expression"),
        ({"type": "string", "enum": "y"}, "list of strings"),
        ({"type": "number", "enum": [1]}, "only strings"),
        ({"type": "number", "minimum": "0"}, "must be a number"),
        ({"type": "integer", "minimum": "0", "maximum": 3}, "must be a number"),
        ({"type": "string", "maxLength": "9"}, "must be a number"),
        ("string", "'string'"),
    ],
)
def test_errors_name_field_and_fault(node, message):
    with pytest.raises(InvalidSchema) as caught:
        parse({"properties": {"outer": {"properties": {"inner": node}}}})
    assert message in str(caught.value)
    assert '"outer.inner"' in str(caught.value)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"properties": {"Id": {"type": "string"}, "id": {"type": "string"}}}, '"Id" and "id"'),
        ({"properties": {"": {"type": "string"}}}, "no name"),
        ({"properties": {"a": {"type": "string"}}, "required": "a"}, "list of field names"),
        (_deep(40), "deeper than 32"),
    ],
)
def test_objects_that_cannot_be_tables(node, message):
    with pytest.raises(InvalidSchema, match=message):
        parse(node)


def test_parse_object_refuses_other_types():
    with pytest.raises(InvalidSchema, match='field "x" is not an object'):
        parse_object({"type": "string"}, "x")
