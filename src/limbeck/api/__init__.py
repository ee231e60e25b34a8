"""AEP's REST services, one module each, over the platform."""
