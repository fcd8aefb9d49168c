"""Addresses of sets that lie behind a network."""

from urllib.parse import urlsplit

from idvae.errors import UserError

READ = ("http", "https")  # from which is only read
BUCKETS = ("s3", "gs", "az", "abfs", "abfss")
SCHEMES = (*BUCKETS, *READ)


def is_address(place: object) -> bool:
    """Whether a text is an address, such as s3://bucket/faces, and no path."""
    return isinstance(place, str) and "://" in place


def checked(address: str) -> str:
    """An address without a / at its end.

    Raises:
        UserError: of a scheme that is not read, or it would bring a secret into run folders.
    """
    parts = urlsplit(address)
    known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
    if parts.scheme not in SCHEMES or not parts.netloc:
        raise UserError(f"{address}: no set can be read from there; addresses are {known}")
    secret = parts.query or parts.fragment or (parts.scheme in READ and "@" in parts.netloc)
    if secret:  # an address is told, and kept in config.yaml
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        raise UserError(
            f"{shown} came with a key, a password or another part after ? or #, which run folders "
            "would keep; give secrets in the variables of the service, as docs/data.md says"
        )
    return address.rstrip("/")
