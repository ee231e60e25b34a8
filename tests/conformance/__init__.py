"""Acceptance: the cases of the SQL contract, their twins, and what stands in the compatibility page."""
