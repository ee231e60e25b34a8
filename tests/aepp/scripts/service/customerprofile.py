from aepp import customerprofile
from service.world import ACTIVE, EACH, OURS, equal, events, people, refused, user

profiles = customerprofile.Profile()
((_, one),) = profiles.getEntity(entityId="p3@x.org", entityIdNS="email").items()
equal((one["entity"][OURS]["userid"], one["entity"]["person"]["name"]["firstName"]), (user(3), "First 3"))
equal(one["sources"], sorted([people, events]))
(policy,) = profiles.getMergePolicies()
equal((policy["default"], policy["attributeMerge"]["type"]), (True, "timestampOrdered"))
equal(profiles.getMergePolicy(policy["id"]), policy)
if hasattr(profiles, "getMergePolicyActiveOnEdge"):
    equal(profiles.getMergePolicyActiveOnEdge(), None)
who = [{"entityId": f"p{n}@x.org", "entityIdNS": {"code": "Email"}} for n in (1, 2, 99)]
asked = {"schema": {"name": "_xdm.context.profile"}, "fields": ["person.name.firstName"], "identities": who}
several = {one["entityId"]: one["entity"] for one in profiles.getEntities(asked).values()}
names = {f"p{n}@x.org": {"person": {"name": {"firstName": f"First {n}"}}} for n in (1, 2)}
equal(several, {**names, "p99@x.org": {}})
since = profiles.getEntity("_xdm.context.experienceevent", user(0), "ecid", startTime=1769990400000)  # 2 February
equal([e["entityId"] for e in since], [f"e0-{k}" for k in range(1, EACH)])
refused(profiles.getEntity(entityId="nobody@x.org", entityIdNS="email"), "nobody@x.org")
told = profiles.getEntity("_xdm.context.experienceevent", user(0), "ecid")
equal([e["entityId"] for e in told], [f"e0-{k}" for k in range(EACH)])
equal([e["entity"]["eventType"] for e in told], ["view"] + ["click"] * (EACH - 1))
if hasattr(profiles, "getEntityEvents"):
    equal([e["entityId"] for e in profiles.getEntityEvents(user(1), "ecid")], [f"e1-{k}" for k in range(EACH)])
    equal(profiles.getEntityEvents(user(ACTIVE), "ecid"), [])
