import io

import pandas as pd

from aepp import dataaccess
from service.world import OURS, PEOPLE, equal, people, people_batch, refused, user

files = dataaccess.DataAccess()
(listed,) = files.getBatchFiles(people_batch)
file = listed["dataSetFileId"]
(held,) = files.getFiles(file)["data"]
equal(files.getResource(f"{files.endpoint}/files/{file}", params={})["data"], [held])
body = files.getFiles(file, held["name"])
assert isinstance(body, io.BytesIO)
equal(sorted(row["_id"] for row in files.getPreview(people)), sorted(f"{n}" for n in range(PEOPLE)))
equal(files.getHeadFile(file, held["name"]), {})  # aepp gives back headers only of what is not there, or fails
equal(len(body.getvalue()), held["length"])
table = files.transformDataToDataFrame(body)
equal(sorted(row["userid"] for row in table[OURS]), [user(n) for n in range(PEOPLE)])
equal(sorted(pd.read_parquet(body)["_id"]), sorted(f"{n}" for n in range(PEOPLE)))
equal(files.getBatchFailed(people_batch), [])
refused(files.getBatchMeta(people_batch, path="nothing"), "nothing")
