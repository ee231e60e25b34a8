from aepp import customerprofile
from service.world import ACTIVE, EACH, OURS, equal, events, people, refused, user

profiles = customerprofile.Profile()
((_, one),) = profiles.getEntity(entityId="p3@x.org", entityIdNS="email").items()
equal((one["entity"][OURS]["userid"], one["entity"]["person"]["name"]["firstName"]), (user(3), "First 3"))
equal(one["sources"], sorted([people, events]))
refused(profiles.getEntity(entityId="nobody@x.org", entityIdNS="email"), "nobody@x.org")
told = profiles.getEntity("_xdm.context.experienceevent", user(0), "ecid")
equal([e["entityId"] for e in told], [f"e0-{k}" for k in range(EACH)])
equal([e["entity"]["eventType"] for e in told], ["view"] + ["click"] * (EACH - 1))
if hasattr(profiles, "getEntityEvents"):
    equal([e["entityId"] for e in profiles.getEntityEvents(user(1), "ecid")], [f"e1-{k}" for k in range(EACH)])
    equal(profiles.getEntityEvents(user(ACTIVE), "ecid"), [])
