"""Upload a released folder: its files alone, into a repository that is private unless asked."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from idvae.errors import UserError
from idvae.hub.address import Address
from idvae.hub.client import LOG_IN, TIMEOUT, in_a_line, package
from idvae.hub.contents import FILES, check_sizes, sizes_of

PUSHED = "be pushed to"
OF_THE_HUB = (".gitattributes",)  # which it makes itself


@dataclass(frozen=True)
class Place:
    """A repository as it was found before anything was done.

    Attributes:
        address: its name.
        public: whether all can see it, or shall.
        commit: its newest; None where it has to be made.
        files: those of a released model that are there.
    """

    address: Address
    public: bool
    commit: str | None
    files: tuple[str, ...]


def look(address: Address, public: bool, overwrite: bool) -> Place:
    """Whether a model can be pushed there; call it before any work is done for it.

    Raises:
        UserError: no token; the repository holds something, and `overwrite` is false or it is no
            released model; all can see it and `public` is false, or the other way round.
    """
    if address.revision is not None:
        raise UserError(f"{address} names a revision; a push makes a new one: leave @… out")
    hub = package()
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    with in_a_line(address, PUSHED):
        if hub.get_token() is None:
            raise UserError(f"{address} cannot {PUSHED} without a token; {LOG_IN}")
        try:
            info = hub.HfApi().model_info(address.repository, timeout=TIMEOUT)
        except GatedRepoError:
            raise
        except RepositoryNotFoundError:
            return Place(address, public, None, ())
        names = [f.rfilename for f in info.siblings or []]
        private, commit = info.private, info.sha
    if bool(private) == public:
        now, mend = ("private", "leave --public out") if private else ("public", "pass --public")
        raise UserError(f"{address} is there and {now}; {mend}, or change that on its page")
    if held := [name for name in names if name not in OF_THE_HUB]:
        _check_replaceable(address, held, overwrite)
    return Place(address, public, commit, tuple(held))


def _check_replaceable(address: Address, held: list[str], overwrite: bool) -> None:
    if not overwrite:
        raise UserError(
            f"{address} is there and holds files; choose another name or pass --overwrite, which "
            "adds a version"
        )
    if foreign := [name for name in held if name not in FILES]:
        raise UserError(
            f"{address} holds {foreign[0]}, which is no part of a released model, so --overwrite "
            "leaves it alone; choose another name"
        )


def push(folder: Path, place: Place) -> str:
    """Make the repository where there is none, and one commit that holds exactly the folder.

    Args:
        folder: a released model, whose weights were checked.
        place: what `look` found.

    Returns:
        the commit.

    Raises:
        UserError: the folder holds anything else, or the hub refuses.
    """
    sizes = sizes_of(folder)
    check_sizes(sizes, folder)
    if foreign := sorted({file.name for file in folder.iterdir()} - set(sizes)):
        raise UserError(
            f"{folder} holds {foreign[0]}, which is no part of a released model; move it away"
        )
    hub, address = package(), place.address
    operations = [hub.CommitOperationAdd(name, folder / name) for name in sizes]
    operations += [hub.CommitOperationDelete(name) for name in place.files if name not in sizes]
    # Of the card: what the hub would like to have in it besides.
    with in_a_line(address, PUSHED), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api = hub.HfApi()
        if place.commit is None:
            api.create_repo(address.repository, private=not place.public)
        done = api.create_commit(
            address.repository,
            operations,
            commit_message=f"{address.name}, released by idvae",
            parent_commit=place.commit,  # refused where another push came between
        )
    return done.oid
