"""Connections, dataflows and their runs: data goes out by export and comes in by pick-up."""
