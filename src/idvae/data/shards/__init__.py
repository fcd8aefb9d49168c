"""Prepared sets in shards: files of a fixed size with an index, in a folder or behind a network."""
