from aepp import observability
from service.world import ACTIVE, EACH, PEOPLE, equal, events, people

report = observability.Observability().createMetricsReport(
    {
        "start": "2026-01-01T00:00:00Z",
        "end": "2030-01-01T00:00:00Z",
        "granularity": "month",
        "metrics": [
            {
                "name": "timeseries.ingestion.dataset.recordsuccess.count",
                "filters": [{"name": "dataSetId", "value": d, "groupBy": True} for d in (people, events)],
                "aggregator": "sum",
            }
        ],
    }
)
(series,) = report["metricResponses"]
counted = {point["groupBy"]["dataSetId"]: sum(point["dps"].values()) for point in series["datapoints"]}
equal(counted, {people: PEOPLE, events: ACTIVE * EACH})
