"""SQL as Query Service speaks it: parsed, bound to XDM schemas, run by an engine."""
