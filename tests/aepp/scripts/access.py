"""Who may do what, and who has done what."""

from journey import configure, found, tell

import aepp
from aepp import accesscontrol, identity

configure()
control, people = accesscontrol.AccessControl(), identity.Identity()
for code in "abc":
    people.createIdentity(code=code, name=f"name {code}", idType="CROSS_DEVICE")

found["permissions"] = sorted(control.getPermissions())
found["policies"] = control.getEffectivePolicies(["/resource-types/datasets", "/permissions/manage-sandboxes"])[
    "policies"
]
found["roles"] = [role["name"] for role in control.getRoles()]
found["role"] = control.getRole("viewer")["id"]
found["subjects"] = [subject["subjectId"] for subject in control.getSubjects("admin")]

made = "action==create,assetType==Namespace"
everything = aepp.getPlatformEvents(limit=2, prop=made)
found["events"] = [event["assetName"] for event in everything]
found["some"] = [len(aepp.getPlatformEvents(limit=n, n_results=most, prop=made)) for n, most in ((1, 2), (3, 3))]
tell()
