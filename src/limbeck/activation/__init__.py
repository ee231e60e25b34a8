"""Delivery: the members of audiences as files at a destination."""
