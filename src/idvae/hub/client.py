"""The package huggingface_hub: imported where it is used, its errors told in a line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from idvae.errors import MISSHAPEN, UserError
from idvae.hub.address import Address

TIMEOUT = 30.0  # seconds without an answer
LOG_IN = "log in by `hf auth login`, or set HF_TOKEN"


def package() -> Any:
    """The package.

    Raises:
        UserError: it is not installed.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise UserError(
            f"huggingface_hub is not installed ({error}): pip install 'idvae[hub]'"
        ) from error
    return huggingface_hub


@contextmanager
def in_a_line(address: Address, wanted: str) -> Iterator[None]:
    """Around calls of the package: what they raise becomes a UserError.

    Args:
        address: what they are about.
        wanted: what could not be done, such as "be pulled".
    """
    package()
    from huggingface_hub import errors

    cannot = f"{address} cannot {wanted}"
    try:
        yield
    except UserError:
        raise
    except errors.OfflineModeIsEnabled as error:
        raise UserError(f"{cannot}: HF_HUB_OFFLINE is set; unset it") from error
    except errors.GatedRepoError as error:
        raise UserError(f"{cannot}: its owner has to let you in; ask on its page") from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"{cannot}: there is no {address.repository}, or it is not yours to see; mend "
            f"the name, or {LOG_IN}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise UserError(f"{cannot}: {address.repository} has no such revision") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        told = {401: LOG_IN, 403: "your token may not do this", 429: "try again later"}
        mend = told.get(status, "try again later" if status >= 500 else "see its page")
        raise UserError(f"{cannot}: the hub answered {status}; {mend}") from error
    except (errors.HTTPError, RuntimeError) as error:  # the latter around an upload that failed
        why = str(error.__cause__ or error) or type(error).__name__
        raise UserError(
            f"{cannot}: the hub cannot be reached ({why}); check the network and HF_ENDPOINT"
        ) from error
    except MISSHAPEN as error:
        raise UserError(
            f"{cannot}: the hub refused, or its answer makes no sense ({error})"
        ) from error
