"""Alembic's scripts, one for each format of the store."""
