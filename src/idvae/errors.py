"""The one exception that means: the user can mend this."""


class UserError(Exception):
    """A mistake of the user's, told in one line that says what, where and how to mend.

    The command line prints the message on standard error and exits with 2; a caller in Python
    can catch it. Its text never spans lines.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class DivergedError(Exception):
    """A loss or a weight stopped being a finite number; the message says what to try."""
