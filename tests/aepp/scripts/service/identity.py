from aepp import identity
from service.world import equal, refused

names = identity.Identity()
before = names.getIdentities()
equal([n["code"] for n in before if n["id"] == 6], ["Email"])
made = names.createIdentity(name="Loyalty card", code="LOYALTY", idType="CROSS_DEVICE", description="Of a script")
equal(names.getIdentityDetail(str(made["id"])), made)
equal((made["code"], made["idType"], made["custom"]), ("LOYALTY", "CROSS_DEVICE", True))
equal(names.getIdentities(only_custom=True), [made])
refused(names.createIdentity(name="Another", code="loyalty", idType="DEVICE"), "loyalty")
