"""`python -m idvae.cli`."""

import sys

from idvae.cli import main

sys.exit(main())
