"""`python -m exchange` is the command `exchange`."""

import sys

from exchange.cli.main import main

sys.exit(main())
