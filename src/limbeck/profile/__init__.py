"""People: their records merged and their events collected, for one person or for all."""

from limbeck.profile.service import Event, Profile, Profiles

__all__ = ["Event", "Profile", "Profiles"]
