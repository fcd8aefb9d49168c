"""`python -m idvae`."""

import sys

from idvae.cli import main

sys.exit(main())
