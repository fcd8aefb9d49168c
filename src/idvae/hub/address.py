"""How a model on the hub is named: `hf://OWNER/NAME`, or `hf://OWNER/NAME@REVISION`."""

import os
import re
from dataclasses import dataclass

from idvae.errors import UserError

PREFIX = "hf://"
_MARK = re.compile("hf:/{1,2}")  # pathlib makes one slash of two
_NAME = "[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_FORM = re.compile(rf"({_NAME})/({_NAME})(?:@([A-Za-z0-9_][A-Za-z0-9._/-]{{0,199}}))?")
COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Address:
    """A repository of the hub, and which of its versions.

    Attributes:
        owner: a user or an organisation.
        name: of the model.
        revision: a branch, a tag or a commit; None is the newest.
    """

    owner: str
    name: str
    revision: str | None = None

    @property
    def repository(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def is_commit(self) -> bool:
        """Whether what it names can never change."""
        return self.revision is not None and COMMIT.fullmatch(self.revision) is not None

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        return f"{PREFIX}{self.repository}{at}"


def is_address(place: str | os.PathLike[str]) -> bool:
    """Whether a place is meant to be on the hub."""
    return _MARK.match(os.fspath(place)) is not None


def parse(text: str | os.PathLike[str]) -> Address:
    """Read an address, with its prefix or without.

    Raises:
        UserError: it is of another form.
    """
    text = os.fspath(text)
    found = _FORM.fullmatch(_MARK.sub("", text, count=1))
    if found is None or any(bad in part for part in found.groups("") for bad in ("..", "--")):
        raise UserError(
            f"{text} names no model of the hub; it is OWNER/NAME or OWNER/NAME@REVISION"
        )
    return Address(*found.groups())
