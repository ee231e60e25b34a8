from journey import poll

from aepp import segmentation
from service.world import OURS, PEOPLE, equal, refused

segments = segmentation.Segmentation()


def body(name, rule):
    return {
        "name": name,
        "description": "Of a script",
        "expression": {"type": "PQL", "format": "pql/text", "value": rule},
        "schema": {"name": "_xdm.context.profile"},
        "ttlInDays": 60,
    }


likely = segments.createSegment(body("likely", f"{OURS}.propensity >= 0.5"))["id"]
women = segments.createSegment(body("women", 'person.gender = "female"'))["id"]
equal(sorted(s["name"] for s in segments.getSegments()), ["likely", "women"])
equal(segments.getSegment(women)["expression"]["value"], 'person.gender = "female"')
segments.updateSegment(women, body("all women", 'person.gender = "female"'))
equal(segments.getSegment(women)["name"], "all women")
refused(segments.createSegment(body("wrong", "person.nothing = 1")), "nothing")

job = segments.createJob([likely, women])["id"]
ended = poll(lambda: segments.getJob(job), lambda j: j["status"] in ("SUCCEEDED", "FAILED"))
equal(ended["status"], "SUCCEEDED")
equal(ended["metrics"]["segmentedProfileCounter"], {likely: PEOPLE // 2, women: PEOPLE // 2})
equal([j["id"] for j in segments.getJobs(status="SUCCEEDED")], [job])
refused(segments.deleteJob(job), "no longer waiting")
equal(segments.getSegment(likely)["metrics"]["data"]["totalProfiles"], PEOPLE // 2)
equal(segments.getResource(f"{segments.endpoint}/segment/jobs/{job}", params={})["status"], "SUCCEEDED")
equal(segments.extractPaths(segments.getSegment(likely)), [])  # aepp finds paths in rules of events only
equal(segments.extractAudiences(segments.getSegment(likely)), [])
several = segments.getMultipleSegments([likely, "nothing"])
equal((several[likely]["name"], several["nothing"]["status"]), ("likely", 404))

# -- previews
preview = segments.createPreview(f"{OURS}.propensity >= 0.3")["previewId"]
shown = poll(lambda: segments.getPreview(preview), lambda p: p["state"] in ("RESULT_READY", "FAILED"))
equal((shown["state"], len(shown["results"])), ("RESULT_READY", PEOPLE - 3))
estimate = segments.getEstimate(preview)
equal((estimate["state"], estimate["estimatedSize"], estimate["totalRows"]), ("RESULT_READY", PEOPLE - 3, PEOPLE))
equal(segments.deletePreview(preview), 200)
refused(segments.getEstimate(preview), preview)
refused(segments.createPreview("person.nothing = 1"), "nothing")

# -- schedules
daily = {"name": "daily", "type": "batch_segmentation", "properties": {"segments": ["*"]}, "schedule": "0 0 1 * * ?"}
schedule = segments.createSchedule(daily)["id"]
equal(segments.getSchedule(schedule)["state"], "inactive")
segments.updateSchedule(schedule, [{"op": "add", "path": "/state", "value": "active"}])
equal([(s["id"], s["state"]) for s in segments.getSchedules()], [(schedule, "active")])
if hasattr(segments, "updateScheduledBatchSegmentationJob"):
    segments.updateScheduledBatchSegmentationJob("0 30 2 * * ?")
    equal(segments.getSchedule(schedule)["schedule"], "0 30 2 * * ?")
equal(segments.deleteSchedule(schedule), 204)
refused(segments.getSchedule(schedule), schedule)

equal(segments.deleteSegment(women), 200)
refused(segments.getSegment(women), women)
equal([s["id"] for s in segments.getSegments()], [likely])
