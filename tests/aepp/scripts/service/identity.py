from aepp import customerprofile, identity
from service.world import equal, refused

names = identity.Identity()
before = names.getIdentities()
equal([n["code"] for n in before if n["id"] == 6], ["Email"])
made = names.createIdentity(name="Loyalty card", code="LOYALTY", idType="CROSS_DEVICE", description="Of a script")
equal(names.getIdentityDetail(str(made["id"])), made)
equal((made["code"], made["idType"], made["custom"]), ("LOYALTY", "CROSS_DEVICE", True))
equal(names.getIdentities(only_custom=True), [made])
names.updateIdentity(str(made["id"]), "Card", "LOYALTY", "CROSS_DEVICE", "renamed")
shown = names.getIdentityDetail(str(made["id"]))
equal((shown["name"], shown["description"], shown["code"]), ("Card", "renamed", "LOYALTY"))
refused(names.updateIdentity(str(made["id"]), "Card", "OTHER", "CROSS_DEVICE"), "cannot be changed")
refused(names.updateIdentity("6", "Mail", "Email", "EMAIL"), "standard")
xid = names.getIdentity("p3@x.org", namespace="email")["xid"]
equal(names.getIdentity("p3@x.org", nsid="6")["xid"], xid)
((_, one),) = customerprofile.Profile().getEntity(entityId=xid).items()
equal(one["entity"]["person"]["name"]["firstName"], "First 3")
refused(names.createIdentity(name="Another", code="loyalty", idType="DEVICE"), "loyalty")
