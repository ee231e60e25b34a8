"""XDM: class, field group, schema and descriptor as values, and their Arrow, JSON and SQL types. Pure."""
