from aepp import dataprep
from service.world import OURS, equal, people_schema, refused

prep = dataprep.DataPrep()


def mapping(source, field):
    return {"sourceType": "ATTRIBUTE", "source": source, "destination": f"{OURS}.{field}"}


likely = mapping("prediction", "propensity")
made = prep.createMappingSet(people_schema, [likely, mapping("key", "userid")], validate=True)["id"]
equal(
    [(m["source"], m["destination"]) for m in prep.getMappingSetMappings(made)["data"]],
    [("prediction", f"{OURS}.propensity"), ("key", f"{OURS}.userid")],
)
equal(prep.getMappingSet(made, mappingRulesOnly=True), [likely, mapping("key", "userid")])
equal([m["id"] for m in prep.getMappingSets()], [made])
prep.updateMappingSet(made, [likely])
equal(prep.cleanMappingRules(prep.getMappingSet(made)), [likely])
key = prep.createMappingSetMapping(made, mapping("key", "userid"))["id"]
equal(prep.getMappingSetMapping(made, key)["source"], "key")
prep.updateMappingSetMapping(made, key, mapping("other", "userid"))
equal(prep.getMappingSetMapping(made, key)["source"], "other")
equal(prep.deleteMappingSetMapping(made, key), 204)
equal(prep.cleanMappingRules(prep.getMappingSet(made)), [likely])
schema = {"schemaRef": {"id": people_schema, "contentType": "application/vnd.adobe.xed-full+json;version=1"}}
(tried,) = prep.previewDataOutput({"prediction": "0.5"}, {"outputSchema": schema, "mappings": [likely]})
equal((tried["data"][OURS]["propensity"], tried["errors"]), ("0.5", []))  # as it is sent to ingestion
assert "upper" in {function["name"] for function in prep.getMappingSetFunctions()}
assert len(prep.getMappingSetOperators()) > 0
equal(prep.validateExpression("upper(name)")["valid"], True)
equal(prep.validateExpression("upper(")["valid"], False)
elsewhere = prep.copyMappingRules(prep.getMappingSet(made), "other")
equal(elsewhere, [{**likely, "destination": "_other.propensity"}])
refused(prep.createMappingSet(people_schema, elsewhere, validate=True), "_other.propensity")
equal(prep.deleteMappingSet(made), 204)
refused(prep.getMappingSet(made), made)
