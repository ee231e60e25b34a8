"""Which identities belong to one person: links from rows, and the clusters they make."""
