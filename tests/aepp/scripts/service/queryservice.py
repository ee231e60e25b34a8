from journey import given, poll

import aepp
from aepp import queryservice, segmentation
from service.world import OURS, PEOPLE, books, equal, events_table, people_table, refused, user

queries = queryservice.QueryService()
ENDED = ("SUCCESS", "FAILED", "KILLED")


def done(job):
    return poll(lambda: queries.getQuery(job["id"]), lambda q: q["state"] in ENDED)


# -- jobs
job = queries.createQuery(name="counts", sql=f"SELECT count(1) FROM {people_table}")
equal((done(job)["state"], done(job)["rowCount"]), ("SUCCESS", 1))
ctas = {"datasetName": "likely", "description": "Of a script"}
taken = queries.postQueries(name="table", sql=f"SELECT {OURS}.userid FROM {people_table}", ctasParameters=ctas)
equal((done(taken)["state"], done(taken)["isCTAS"]), ("SUCCESS", True))
(likely,) = books.getDataSets(name="likely")
into = {"datasetName": "likely"}
more = queries.createQuery(name="again", sql=f"SELECT {OURS}.userid FROM {people_table}", insertIntoParameters=into)
equal((done(more)["state"], done(more)["isInsertInto"]), ("SUCCESS", True))
wrong = queries.createQuery(name="wrong", sql="SELECT nothing FROM nowhere")
equal(done(wrong)["state"], "FAILED")
assert "nowhere" in done(wrong)["errors"][0]["message"], done(wrong)
equal([q["id"] for q in queries.getQueries(property="state==FAILED")], [wrong["id"]])
equal(len(queries.getQueries(limit=1, n_results=3)), 3)
equal(queries.deleteQuery(wrong["id"]), 202)
refused(queries.getQuery(wrong["id"]), wrong["id"])
refused(queries.cancelQuery(job["id"]), "ended")
equal(queries.getResource(f"{queries.endpoint}/queries/{job['id']}", params={})["id"], job["id"])

# -- templates
sql = f"SELECT {OURS}.userid FROM {people_table} WHERE {OURS}.propensity >= $least"
template = queries.createQueryTemplate({"name": "likely people", "sql": sql, "queryParameters": {"least": "0.5"}})
equal(queries.getTemplate(template["id"])["sql"], sql)
equal([t["name"] for t in queries.getTemplates(n_results=10)], ["likely people"])
by_template = queries.createQuery(name="by template", templateId=template["id"], queryParameters={"least": "0.5"})
equal(done(by_template)["rowCount"], PEOPLE // 2)
equal(queries.deleteTemplate(template["id"]), 202)
equal(queries.getTemplates(), [])

# -- schedules
times = {"schedule": "0 0 1 1 *", "startDate": "2100-01-01T00:00:00Z"}
schedule = queries.createSchedule(name="yearly", sql=f"SELECT count(1) FROM {people_table}", schedule=times)["id"]
equal([s["id"] for s in queries.getSchedules()], [schedule])
equal(queries.getSchedule(schedule)["state"], "ENABLED")
queries.disableSchedule(schedule)
equal(queries.getSchedule(schedule)["state"], "DISABLED")
queries.enableSchedule(schedule)
equal(queries.getSchedule(schedule)["state"], "ENABLED")
patch = {"body": [{"op": "replace", "path": "/schedule/schedule", "value": "0 6 * * *"}]}
queries.updateSchedule(schedule, patch)
equal(queries.getSchedule(schedule)["schedule"]["schedule"], "0 6 * * *")
equal(queries.getScheduleRuns(schedule), [])
run = queries.connector.postData(f"{queries.endpoint}/schedules/{schedule}/runs")  # aepp has no method for it
equal(done(run)["state"], "SUCCESS")
equal([r["id"] for r in queries.getScheduleRuns(schedule)], [run["id"]])
equal(queries.getScheduleRun(schedule, run["id"])["rowCount"], 1)
equal(queries.deleteSchedule(schedule), 202)
refused(queries.getSchedule(schedule), schedule)

# -- interactive
connection = queries.connection()


def talk(asked):
    equal(int(asked.query(f"SELECT count(1) AS n FROM {people_table}")["n"][0]), PEOPLE)
    raw = asked.query(f"SELECT _id FROM {people_table} ORDER BY _id LIMIT 2", output="raw")
    equal(list(asked.transformToDataFrame(raw)["_id"]), ["0", "1"])
    fields = [f"{OURS}.userid", f"{OURS}.propensity"]
    one = asked.queryIdentity(user(3), fields=fields, tableName=people_table, fieldId=f"{OURS}.userid", limit="5")
    equal((list(one["userid"]), list(one["propensity"])), ([user(3)], [0.3]))
    if hasattr(asked, "queryHistoryMeta"):
        equal(len(asked.queryHistoryMeta(events_table)), 2)


def count(asked, audience):
    asked.addConfig(aepp.importConfigFile("config.json", connectInstance=True))
    count = getattr(asked, "queryAudiencePopulation", None) or asked.querySegmentPopulation
    equal(list(count(audience, count=True)["count"]), ["No Data Yet"])
    asked.close()


def audience():
    segments = segmentation.Segmentation()
    rule = {"type": "PQL", "format": "pql/text", "value": f"{OURS}.propensity >= 0.5"}
    body = {"name": "of queries", "description": "", "expression": rule, "ttlInDays": 60}
    return segments.createSegment({**body, "schema": {"name": "_xdm.context.profile"}})["id"]


classes = [queryservice.InteractiveQuery2, *([queryservice.InteractiveQuery] if given["pygresql"] else [])]
made = audience()
for class_ in classes:
    talk(class_(connection))
    if hasattr(class_, "addConfig"):
        count(class_(connection), made)
segmentation.Segmentation().deleteSegment(made)
