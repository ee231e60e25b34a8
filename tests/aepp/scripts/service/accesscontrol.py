from aepp import accesscontrol
from service.world import equal, refused

access = accesscontrol.AccessControl()
equal([role["id"] for role in access.getRoles()], ["admin", "editor", "viewer"])
equal(access.getRole("viewer")["id"], "viewer")
equal([subject["subjectId"] for subject in access.getSubjects("admin")], ["notebook"])
equal(access.getSubjects("viewer"), [])
refused(access.getRole("nobody"), "nobody")
told = access.getPermissions()
equal(set(told), {"permissions", "resource-types"})
equal(told["permissions"]["view-schemas"], {"schemas": ["read"]})
effective = access.getEffectivePolicies(["/resource-types/schemas", "/permissions/nothing"])
equal(effective["policies"], {"schemas": ["view", "manage"], "nothing": []})
