"""The workflow: from sources to scores, over the client and nothing else of the platform."""
