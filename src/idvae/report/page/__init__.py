"""One page of a comparison that opens from disk: no server, no network, no torch."""
