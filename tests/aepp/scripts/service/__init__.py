"""A script for each of aepp's modules of services. A write is seen by a read, and values are compared."""
