"""People: their records merged and their events collected, for one person or for all."""
