"""Random requests, made from the OpenAPI document: whatever comes, the answer is one that the document tells of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.specs.openapi.schemas import OpenApiSchema
from sqlalchemy import select

from limbeck.api.server import ThreadServer, listen, url_of
from limbeck.store.tables import keys
from tests.rest.api import Api, served
from tests.rest.resources import CATALOG, FLOW, KINDS, LANDING_ZONE_SOURCE, QUERY, Kind, dataset
from tests.rest.routes import ROUTES, Route, parameters

EXAMPLES = 8

TELLS_SECRETS = ("/ims/", "connection_parameters", "/credentials")
"""Paths whose answers have a secret, for who asks."""

CHECKED = ("status_code_conformance", "content_type_conformance", "response_schema_conformance")

INSIDE = re.compile(
    r"Traceback|site-packages|\.py\b|sqlalchemy|sqlite3|psycopg|BEGIN IMMEDIATE|\[SQL:|data_files|_sandbox_id"
)
"""What only a programmer should see."""


@dataclass(frozen=True)
class Target:
    """A server on a port, and what is known of it."""

    api: Api
    document: OpenApiSchema
    made: tuple[str, ...]
    """Paths of what the table of resources does not make."""
    secrets: tuple[str, ...]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    home = tmp_path_factory.mktemp("fuzzed")
    with served(home) as api:
        bound = listen("127.0.0.1", 0)
        url = url_of(bound)
        wire = listen("127.0.0.1", 0)  # nobody serves it; it is there
        server = ThreadServer(api.platform, bound, pg=wire.getsockname()[:2], http=url)
        try:
            document = schemathesis.openapi.from_dict(requests.get(f"{url}/openapi.json", timeout=60).json())
            document.config.update(base_url=url)
            with api.platform.store.read() as connection:
                signing = connection.execute(select(keys.c.value)).scalars().all()
            yield Target(api, document, made(api), (str(home), "s3cret", *signing, *api.tokens.values()))
        finally:
            server.stop()
            wire.close()


def made(api: Api) -> tuple[str, ...]:
    """Make what the table of resources does not make; return the paths of all that."""
    into = dataset(api)
    opened = api.ok("POST", f"{IMPORT}/batches", {"datasetId": into, "inputFormat": {"format": "json"}})["id"]
    file = f"{IMPORT}/batches/{opened}/datasets/{into}/files/a.json"
    api.ok("PUT", file, content=b'{"_id": "1"}')
    query = api.ok("POST", f"{QUERY}/queries", {"sql": "SELECT 1"})["id"]
    return (
        file,
        f"{CATALOG}/batches/{opened}",
        f"{EXPORT}/batches/{opened}",
        f"{EXPORT}/datasets/{into}",
        f"{QUERY}/queries/{query}",
        f"{FLOW}/connectionSpecs/{LANDING_ZONE_SOURCE}",
        "/data/foundation/access-control/administration/roles/viewer",
    )


EXPORT, IMPORT = "/data/foundation/export", "/data/foundation/import"

BODIES: Mapping[str, list[Any]] = {
    "/limbeck/v1/sql": [{"sql": "SELECT 1 AS a"}, {"sql": "CREATE TABLE t AS SELECT 1 AS a"}, {"sql": "SHOW TABLES"}],
    f"{QUERY}/queries": [{"sql": "SELECT $x", "queryParameters": {"x": "1"}, "name": "q"}],
    f"{QUERY}/queries/{{query_id}}": [{"op": "cancel"}, {"op": "soft_delete"}],
    "/data/foundation/sandbox-management/sandboxes/{name}": [{"action": "reset"}],
    "/data/foundation/access-control/acl/effective-policies": [["/permissions/view-schemas"]],
}
"""Bodies that are right for paths, beside those of the table of resources."""

ASKED: Mapping[str, list[dict[str, str]]] = {
    "/data/core/ups/access/entities": [
        {"schema.name": "_xdm.context.profile", "entityId": "x", "entityIdNS": "email"},
        {"schema.name": "_xdm.context.experienceevent", "relatedEntityId": "x", "relatedEntityIdNS": "ECID"},
    ],
    f"{IMPORT}/batches/{{batch_id}}": [{"action": a} for a in ("COMPLETE", "ABORT", "FAIL", "REVERT")],
    f"{IMPORT}/batches/{{batch_id}}/datasets/{{dataset_id}}/files/{{name:path}}": [
        {"action": "INITIALIZE"},
        {"action": "COMPLETE"},
    ],
    f"{FLOW}/flows/{{flow_id}}/action": [{"op": "enable"}, {"op": "disable"}],
    f"{FLOW}/connectionSpecs/{{spec_id}}/explore": [{"objectType": "root"}, {"objectType": "file", "object": "a.csv"}],
}
"""Parameters of queries that are right for paths."""


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
    | st.sampled_from(["", " ", "../..", "'; --", "%s", "{}", "$ref", "é", "x" * 3000, "2026-02-30T00:00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc$:/@", max_size=8), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def near(draw: st.DrawFn, value: Any) -> Any:
    """Something near a body that is right: one of its parts is another, is gone, or is there twice."""
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(value)))
        if not draw(st.integers(0, 5)):
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: draw(near(value[key]))}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        at = draw(st.integers(0, len(value) - 1))
        if not draw(st.integers(0, 5)):
            return [*value, value[at]]
        return [*value[:at], draw(near(value[at])), *value[at + 1 :]]
    return draw(ANYTHING)


def bodies(api: Api, method: str, path: str, kinds: list[tuple[Kind, str]]) -> list[Any]:
    """Bodies that are right for a request."""
    if method == "post":
        return [kind.body(api) for kind, _ in kinds if parameters(path, kind.path) is not None]
    found = []
    for kind, made in kinds:
        change = None if kind.change is None else kind.change(kind.read(api, made))
        if change is not None and change.method.lower() == method:
            found.append(change.body)
    return found


@pytest.mark.parametrize("route", [route for route in ROUTES if route.is_documented], ids=str)
def test_every_answer_is_one_that_the_document_tells_of(
    target: Target, route: Route, pytestconfig: pytest.Config
) -> None:
    method, path = route.method.lower(), route.path
    api, operation = target.api, target.document[re.sub(":path}", "}", path)][method]
    about = [kind for kind in KINDS if parameters(path, kind.path) is not None or path.startswith(f"{kind.path}/")]
    kinds = [(kind, kind.make(api)) for kind in about]
    there = [*(kind.at(made) for kind, made in kinds), *target.made]
    known = [found for place in there if (found := parameters(path, place))]
    right, asked = [*bodies(api, method, path, kinds), *BODIES.get(path, [])], ASKED.get(path, [])
    either = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @settings(
        max_examples=EXAMPLES * (pytestconfig.getoption("--explore") or 1),
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def send(data: st.DataObject) -> None:
        case = data.draw(st.one_of(either))
        if known and data.draw(st.booleans()):
            case.path_parameters.update(data.draw(st.sampled_from(known)))
        if right and data.draw(st.integers(0, 3)):
            chosen = data.draw(st.sampled_from(right))
            case.body, case.media_type = data.draw(st.just(chosen) | near(chosen)), "application/json"
        if asked and data.draw(st.integers(0, 3)):
            case.query = {**case.query, **data.draw(st.sampled_from(asked))}
        if data.draw(st.booleans()):
            case.headers.pop("If-Match", None)
        case.headers.update(api.headers())
        answer = case.call(timeout=60)
        require(target, case, answer)

    send()


def require(target: Target, case: Any, answer: Any) -> None:
    assert answer.status_code < 500 or answer.status_code == 501, answer.text
    checked = CHECKED if case.method != "HEAD" else CHECKED[:1]  # a file's length comes without a body
    case.validate_response(answer, checks=[CHECKS.get_one(name) for name in checked])
    if answer.status_code >= 400 and case.method != "HEAD":
        assert "id" not in answer.json()
        assert not INSIDE.search(answer.text), answer.text
    if not any(part in case.path for part in TELLS_SECRETS):
        assert [secret for secret in target.secrets if secret.encode() in answer.content] == []
