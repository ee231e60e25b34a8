from aepp import sandboxes
from service.world import equal, refused

boxes = sandboxes.Sandboxes()
equal(boxes.getSandboxTypes(), ["production", "development"])
made = boxes.createSandbox(name="another", title="Of a script", type_sandbox="development")
equal((made["name"], made["title"], made["type"]), ("another", "Of a script", "development"))
equal(sorted(box["name"] for box in boxes.getSandboxes()), ["another", "prod"])
equal(boxes.getSandbox("another")["title"], "Of a script")
equal(boxes.getSandboxId("another"), boxes.getSandbox("another")["id"])
boxes.updateSandbox("another", {"title": "renamed"})
equal(boxes.getSandbox("another")["title"], "renamed")
inside = sandboxes.Sandboxes(sandbox="another")
equal(boxes.resetSandbox("another")["name"], "another")
equal(boxes.deleteSandbox("another"), 204)
refused(boxes.getSandbox("another"), "another")
equal([box["name"] for box in boxes.getSandboxes()], ["prod"])
