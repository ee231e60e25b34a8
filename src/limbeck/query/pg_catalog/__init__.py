"""PostgreSQL's catalogue over the tables of a sandbox, for the queries of tools (SQL contract, section 1.7)."""
