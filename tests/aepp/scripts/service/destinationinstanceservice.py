import time

from journey import poll

from aepp import destinationinstanceservice, flowservice
from service.world import PEOPLE, equal, people

flows = flowservice.FlowService()
base = flows.createBaseConnectionDLZTarget("base")["id"]
source = flows.createSourceConnectionDataLake("from the lake", format="parquet", dataset_ids=[people])["id"]
target = flows.createTargetConnectionDatasetToDataLandingZone("to the zone", base, "now", "JSON", "GZIP")["id"]
flow = flows.createFlowDataLakeToDataLandingZone("on demand", source, target, str(int(time.time()) + 10**8))["id"]
told = destinationinstanceservice.DestinationInstanceService().createAdHocDatasetExport({flow: [people]})
(run,) = told["destinations"][0]["datasets"]
equal((run["id"], run["flowId"]), (people, flow))
run_id = run["statusURL"].rpartition("/")[2]
ended = poll(lambda: flows.getRuns(prop=f"flowId=={flow}"), lambda runs: runs and "metrics" in runs[0])
equal([(r["id"], r["metrics"]["recordSummary"]["outputRecordCount"]) for r in ended], [(run_id, PEOPLE)])
