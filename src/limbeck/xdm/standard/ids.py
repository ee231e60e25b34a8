"""The `$id`s of XDM's behaviours and of the two classes served, and where the others lie."""

from typing import Final

RECORD: Final = "https://ns.adobe.com/xdm/data/record"
TIME_SERIES: Final = "https://ns.adobe.com/xdm/data/time-series"
ADHOC: Final = "https://ns.adobe.com/xdm/data/adhoc"
AUDITABLE: Final = "https://ns.adobe.com/xdm/common/auditable"

PROFILE: Final = "https://ns.adobe.com/xdm/context/profile"
EXPERIENCE_EVENT: Final = "https://ns.adobe.com/xdm/context/experienceevent"

DATA: Final = "https://ns.adobe.com/xdm/data/"
COMMON: Final = "https://ns.adobe.com/xdm/common/"
CONTEXT: Final = "https://ns.adobe.com/xdm/context/"
"""Where most standard field groups and data types lie."""
MIXINS: Final = "https://ns.adobe.com/xdm/mixins/profile/"
"""Where some field groups for profiles lie."""
