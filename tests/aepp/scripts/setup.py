"""Step 0 of the notebooks: a configuration, tokens, the tenant."""

import configparser
import json

import aepp
from aepp import catalog, schema

config = configparser.ConfigParser()
config.read("conf/config.ini")
platform, who = config["Platform"], config["Authentication"]
aepp.configure(
    environment=platform["environment"],
    sandbox=platform["sandbox_name"],
    org_id=platform["ims_org_id"],
    scopes=who["scopes"],
    secret=who["client_secret"],
    client_id=who["client_id"],
)
by_hand = schema.Schema().getTenantId()

aepp.importConfigFile("config.json")
by_file = schema.Schema().getTenantId()
stats = schema.Schema().getStats()
datasets = catalog.Catalog().getDataSets(output="raw")

print(json.dumps({"by_hand": by_hand, "by_file": by_file, "org": stats["imsOrg"], "datasets": datasets}))
