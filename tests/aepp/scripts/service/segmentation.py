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
equal(segments.deleteSegment(women), 200)
refused(segments.getSegment(women), women)
equal([s["id"] for s in segments.getSegments()], [likely])
