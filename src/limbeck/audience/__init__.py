"""Rules over people (PQL), their evaluation, and who is in."""

from limbeck.audience.jobs import SegmentJobs
from limbeck.audience.model import Audience, Membership, SegmentJob, Status
from limbeck.audience.previews import Preview, Previews
from limbeck.audience.schedules import SegmentSchedule, SegmentSchedules
from limbeck.audience.service import Audiences

__all__ = [
    "Audience",
    "Audiences",
    "Membership",
    "Preview",
    "Previews",
    "SegmentJob",
    "SegmentJobs",
    "SegmentSchedule",
    "SegmentSchedules",
    "Status",
]
