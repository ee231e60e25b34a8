"""Data Prep: calculated fields and mapping sets, over HTTP and in the files that a flow picks up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import limbeck
from limbeck.client import Client
from limbeck.errors import ExpressionError, InvalidFile, InvalidInput, NotFound, RowsRejected, StaleEtag
from tests import expression_table
from tests.behaviour.flow_scores import csv, lines, parquet, put, score_dataset

PREP = "/data/foundation/conversion"


@pytest.fixture(scope="module")
def aep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with limbeck.connect(tmp_path_factory.mktemp("home")) as client:
        yield client


def pickup(aep: Client, name: str, fields: dict[str, str]) -> str:
    """A flow from the folder *name* into a new table; *fields* are expressions, or with an @ names of columns."""
    dataset, schema = score_dataset(aep, name)
    return aep.create_pickup(name, dataset, schema, mapping(aep, schema.id, fields), name)


def mapping(aep: Client, schema_id: str, fields: dict[str, str]) -> str:
    return str(aep._transport.call("POST", f"{PREP}/mappingSets", json=mapping_set(aep, schema_id, fields))["id"])


def mapping_set(aep: Client, schema_id: str, fields: dict[str, str]) -> dict[str, Any]:
    mappings = [
        {
            "sourceType": "ATTRIBUTE" if text.startswith("@") else "EXPRESSION",
            "source": text.removeprefix("@"),
            "destination": f"_{aep.tenant}.{field}" if field[0] != "_" else field,
        }
        for field, text in fields.items()
    ]
    content = "application/vnd.adobe.xed-full+json;version=1"
    return {"outputSchema": {"schemaRef": {"id": schema_id, "contentType": content}}, "mappings": mappings}


def table(aep: Client, name: str) -> list[dict[str, Any] | None]:
    found = aep.sql(f"select _{aep.tenant} o from {name} order by _{aep.tenant}.userid").table().column("o").to_pylist()
    return [None if row is None else {k: v for k, v in row.items() if v is not None} for row in found]


CALCULATED = {
    "userid": "lower(trim(person.id))",
    "score": "iif(clicks > 0, round(clicks / sends, 2), 0)",
    "rank": "to_integer(sends)",
    "is_new": "@fresh",
    "since": 'date(day, "dd.MM.yyyy")',
    "at": "add_to_date(at, 1, 'hour')",
}


def test_a_row_is_calculated_alike_from_each_format(aep: Client) -> None:
    flow = pickup(aep, "alike", CALCULATED)
    header = "person.id,clicks,sends,fresh,day,at"
    put(aep, "alike/a.csv", csv((" U1 ", 1, 3, "True", "31.12.2019", "2020-01-01T00:00:00Z"), header=header))
    row = {"clicks": 1, "sends": 3, "fresh": True, "day": "31.12.2019", "at": "2020-01-01T00:00:00Z"}
    put(aep, "alike/b.json", lines({"person": {"id": " U2 "}, **row}, {"person": {"id": "u4"}, "clicks": 0}))
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    put(aep, "alike/c.parquet", parquet({"person": {"id": " U3 "}, **row, "at": moment}))

    run = aep.wait_run(aep.run_flow(flow))

    assert (run.status, run.rows) == ("success", 4), run.errors
    whole = {
        "score": 0.33,
        "rank": 3,
        "is_new": True,
        "since": datetime(2019, 12, 31).date(),
        "at": datetime(2020, 1, 1, 1),
    }
    assert table(aep, "alike") == [{"userid": f"u{n}", **whole} for n in (1, 2, 3)] + [{"userid": "u4", "score": 0.0}]


def test_a_row_whose_expression_fails_is_named_and_nothing_comes_in(aep: Client) -> None:
    flow = pickup(aep, "fails", {"userid": "@userId", "score": "clicks / sends", "since": "date(day)"})
    header = "userId,clicks,sends,day"
    put(aep, "fails/a.csv", csv(("u1", 1, 2, "2020-01-31"), ("u2", 1, 0, "2020-02-31"), header=header))
    with pytest.raises(RowsRejected) as caught:
        aep.wait_run(aep.run_flow(flow))
    samples = {s["path"]: s for s in caught.value.details["samples"]}
    score, since = samples[f"_{aep.tenant}.score"], samples[f"_{aep.tenant}.since"]
    assert (score["file"], score["row"], score["wanted"]) == ("fails/a.csv", 2, "a number")
    assert score["found"] == '{"failed": "clicks / sends", "with": {"clicks": "1", "sends": "0"}}'
    assert (since["row"], "2020-02-31" in since["found"]) == (2, True)
    assert table(aep, "fails") == []


def test_a_value_that_was_calculated_has_to_fit_like_any_other(aep: Client) -> None:
    flow = pickup(aep, "fit", {"userid": "@id", "rank": "amount * 2", "is_new": "concat(flag, '')"})
    put(aep, "fit/a.csv", csv(("u1", 1.5, "FALSE"), ("u2", 1.2, "maybe"), header="id,amount,flag"))
    with pytest.raises(RowsRejected) as caught:
        aep.wait_run(aep.run_flow(flow))
    found = [(s["row"], s["path"].rpartition(".")[2], s["found"][:30]) for s in caught.value.details["samples"]]
    assert found == [(2, "rank", "2.4"), (2, "is_new", '{"failed": "concat(flag, \'\')",')]


def test_a_file_without_a_column_of_an_expression_is_named(aep: Client) -> None:
    flow = pickup(aep, "lacks", {"userid": "upper(concat(first, '.', last))"})
    put(aep, "lacks/a.csv", csv(("a", "b"), header="first,lasst"))
    with pytest.raises(InvalidFile, match=r'"lacks/a.csv" has no column "last", .*did you mean "lasst"'):
        aep.wait_run(aep.run_flow(flow))


@pytest.mark.parametrize(
    ("field", "text", "position", "said"),
    [
        ("userid", "concat(a, uper(b))", 10, 'there is no function uper; did you mean "upper"'),
        ("userid", "substr(a)", 0, r"substr\(input, start, \[length\]\) takes 2 to 3 arguments, not 1"),
        ("score", '1 + "a"', 4, "found a text where a number is wanted"),
        ("userid", "concat(a, ", 10, "the expression ends where a value should stand"),
        ("userid", "uuid()", 0, "uuid is not served"),
        ("userid", 'split(a, ",")', 0, "it gives a list, the field is of type string"),
        ("is_new", "1 + 2", 0, "it gives a whole number, the field is of type boolean"),
        ("since", 'date(a, "yyyy-QQQQQ")', 8, "QQQQQ.* not served"),
        ("userid", 'matches_regex(a, "(")', 17, "is no regular expression"),
    ],
)
def test_an_expression_that_cannot_be_is_refused_with_its_position(
    aep: Client, field: str, text: str, position: int, said: str
) -> None:
    schema = aep.schema("refused") or score_dataset(aep, "refused")[1]
    with pytest.raises(ExpressionError, match=f"the expression for .*{field}.* cannot be used: .*{said}") as caught:
        mapping(aep, schema.id, {field: text})
    assert (caught.value.details["position"], caught.value.details["expression"]) == (position, text)


def test_the_functions_are_listed_with_examples_that_hold(aep: Client) -> None:
    functions = {f["name"]: f for f in aep._transport.call("GET", f"{PREP}/languages/el/functions")}
    assert len(functions) > 70
    substr = functions["substr"]
    assert (substr["syntax"], substr["returnType"]) == ("substr(input, start, [length])", "text")
    assert [(a["name"], a["type"], a["required"]) for a in substr["arguments"]] == [
        ("input", "text", True),
        ("start", "integer", True),
        ("length", "integer", False),
    ]
    operators = {o["name"]: o["precedence"] for o in aep._transport.call("GET", f"{PREP}/languages/el/operators")}
    assert operators["*"] > operators["+"] > operators["=="] > operators["||"] > operators["?:"]


def test_the_page_tells_of_the_functions_that_there_are() -> None:
    assert expression_table.PAGE.read_text(encoding="utf-8") == expression_table.page()


# -- mapping sets ------------------------------------------------------------------------------------------------------


def call(aep: Client, method: str, path: str, body: Any = None, **how: Any) -> Any:
    return aep._transport.call(method, f"{PREP}{path}", json=body, **how)


def test_a_flow_keeps_to_the_version_that_it_names(aep: Client) -> None:
    dataset, schema = score_dataset(aep, "pinned")
    made = mapping(aep, schema.id, {"userid": "@id"})
    named = aep.create_pickup("pinned", dataset, schema, made, "pinned/in")
    other = mapping_set(aep, schema.id, {"userid": "concat(id, '!')"})
    assert call(aep, "PUT", f"/mappingSets/{made}", other)["version"] == 1
    newest, _ = pinned_to(aep, named, {"mappingId": made})
    with pytest.raises(InvalidInput, match="has no version 7; its newest is 1"):
        pinned_to(aep, named, {"mappingId": made, "mappingVersion": 7})
    put(aep, "pinned/in/a.csv", csv(("a",), header="id"))

    for flow in (named, newest):
        aep.wait_run(aep.run_flow(flow))

    assert table(aep, "pinned") == [{"userid": "a"}, {"userid": "a!"}]
    assert call(aep, "GET", f"/mappingSets/{made}")["mappings"][0]["source"] == "concat(id, '!')"


def pinned_to(aep: Client, flow: str, params: dict[str, Any]) -> tuple[str, str]:
    """The same flow again, with other parameters of its mapping."""
    path = "/data/foundation/flowservice/flows"
    (body,) = aep._transport.call("GET", f"{path}/{flow}")["items"]
    kept = {k: body[k] for k in ("name", "flowSpec", "sourceConnectionIds", "targetConnectionIds")}
    made = aep._transport.call("POST", path, json={**kept, "transformations": [{"name": "Mapping", "params": params}]})
    return made["id"], made["etag"]


def test_single_mappings_make_new_versions(aep: Client) -> None:
    _, schema = score_dataset(aep, "single")
    made = mapping(aep, schema.id, {"userid": "@id", "score": "clicks / 2"})
    path = f"/mappingSets/{made}/mappings"
    first, second = call(aep, "GET", path)["data"]
    assert call(aep, "GET", f"{path}/{second['id']}") == second

    rank = {"sourceType": "EXPRESSION", "source": "to_integer(r)", "destination": f"_{aep.tenant}.rank"}
    added = call(aep, "POST", path, rank)
    changed = call(aep, "PUT", f"{path}/{second['id']}", {**second, "source": "clicks / 3"})
    call(aep, "DELETE", f"{path}/{first['id']}")

    found = call(aep, "GET", f"/mappingSets/{made}")
    assert (found["version"], found["mappings"]) == (3, [changed, added])
    assert "earlierVersions" not in found
    with pytest.raises(NotFound, match="no mapping"):
        call(aep, "GET", f"{path}/{first['id']}")
    with pytest.raises(ExpressionError, match="there is no function half"):
        call(aep, "PUT", f"{path}/{second['id']}", {**second, "source": "half(clicks)"})
    with pytest.raises(InvalidInput, match="two mappings lead to"):
        call(aep, "POST", path, rank)
    with pytest.raises(StaleEtag):
        call(aep, "DELETE", f"{path}/{added['id']}", headers={"If-Match": "x"})
    call(aep, "DELETE", f"{path}/{added['id']}")
    with pytest.raises(InvalidInput, match="needs mappings"):
        call(aep, "DELETE", f"{path}/{second['id']}")
    assert call(aep, "GET", f"/mappingSets/{made}")["version"] == 4


def test_mapping_sets_are_listed_by_schema_and_page_by_page(aep: Client) -> None:
    _, schema = score_dataset(aep, "listed")
    body = mapping_set(aep, schema.id, {"userid": "@id"})
    made = [call(aep, "POST", "/mappingSets", {**body, "name": f"listed {n}"})["id"] for n in range(3)]
    of_schema = {"property": f"xdmSchema=={schema.id}"}
    pages = [call(aep, "GET", "/mappingSets", params={**of_schema, "limit": 2, "start": start}) for start in (0, 2)]
    assert [[m["id"] for m in page["data"]] for page in pages] == [made[:2], made[2:]]
    assert [(p["_page"]["total"], p["_page"]["next"], "next" in p["_links"]) for p in pages] == [
        (3, 2, True),
        (3, None, False),
    ]
    assert [m["id"] for m in call(aep, "GET", "/mappingSets", params={"name": "listed 1"})["data"]] == made[1:2]
    last_first = call(aep, "GET", "/mappingSets", params={**of_schema, "orderBy": "-name"})["data"]
    assert [m["id"] for m in last_first] == made[::-1]


def test_a_preview_maps_rows_and_tells_what_is_wrong(aep: Client) -> None:
    _, schema = score_dataset(aep, "previewed")
    body = mapping_set(aep, schema.id, {"userid": "upper(p.id)", "score": "1 / n", "since": "@day"})
    rows = [{"p": {"id": "a"}, "n": 4, "day": "2020-01-31"}, {"n": 0, "day": "31.1.2020"}, {"n": None}]
    good, broken, empty = call(aep, "POST", "/mappingSets/preview", {"data": rows, "mappingSet": body})
    ours = f"_{aep.tenant}"
    assert good == {"data": {ours: {"userid": "A", "score": 0.25, "since": "2020-01-31"}}, "errors": []}
    assert [e["path"] for e in broken["errors"]] == [f"{ours}.score", f"{ours}.since"]
    assert broken["errors"][1]["found"] == '"31.1.2020"'
    assert empty == {"data": {}, "errors": []}
    assert call(aep, "POST", "/mappingSets/preview", {"data": rows[0], "mappingSet": body}) == [good]
    with pytest.raises(InvalidInput, match="has 0 rows"):
        call(aep, "POST", "/mappingSets/preview", {"data": [], "mappingSet": body})
    wrong = mapping_set(aep, schema.id, {"scores": "1"})
    with pytest.raises(InvalidInput, match="did you mean"):
        call(aep, "POST", "/mappingSets/preview", {"data": rows, "mappingSet": wrong})


def test_columns_of_a_known_input_are_checked(aep: Client) -> None:
    _, schema = score_dataset(aep, "checked")
    known = {"inputSchema": {"schemaRef": {"id": schema.id}}}
    ours = f"_{aep.tenant}"
    call(aep, "POST", "/mappingSets", {**mapping_set(aep, schema.id, {"userid": f"lower({ours}.userid)"}), **known})
    with pytest.raises(InvalidInput, match=r'filled from "personId", which the input schema does not have; did you'):
        call(aep, "POST", "/mappingSets", {**mapping_set(aep, schema.id, {"userid": "lower(personId)"}), **known})


def test_an_expression_is_validated_and_tried(aep: Client) -> None:
    def ask(**body: Any) -> Any:
        return call(aep, "POST", "/languages/el/validate", body)

    fine = ask(expression="concat(person.first, ' ', names[0])")
    assert (fine["valid"], fine["returnType"], fine["columns"]) == (True, "text", ["person.first", "names[0]"])
    (error,) = ask(expression="concat(a, lowr(b))")["errors"]
    assert (error["position"], "did you mean" in error["message"]) == (10, True)
    sample = '{"person": {"first": "A"}, "names": ["B"], "n": 0}'
    tried = ask(expression="concat(person.first, ' ', names[0])", sampleData=sample, sampleDataType="JSON")
    assert (tried["result"], tried["fails"]) == ("A B", False)
    assert ask(expression="1 / n", sampleData=sample)["fails"]
    for wrong, said in (({"sampleData": "x"}, "no JSON"), ({"sampleData": "[]"}, "is an object")):
        with pytest.raises(InvalidInput, match=said):
            ask(expression="n", **wrong)
    with pytest.raises(NotFound):
        ask(expression="n", mappingSetId="x")
