"""PostgreSQL's catalogue over the tables of a sandbox, and the queries that tools ask of it (SQL contract, section 1.7)."""
