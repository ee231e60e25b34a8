"""Rules over people (PQL), their evaluation, and who is in."""
