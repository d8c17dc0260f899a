"""`python -m dagger_algo`."""

import sys

from dagger_algo.cli import main

if __name__ == "__main__":
    sys.exit(main())
