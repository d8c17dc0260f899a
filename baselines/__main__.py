"""`python -m baselines`. The rest is imported under guard: it takes seconds to import."""

import sys

try:
    from baselines.interrupts import listen

    listen()
    from baselines.cli import main

    status = main()
except KeyboardInterrupt:
    print("stopped; the same command again goes on from here", file=sys.stderr)
    status = 130
sys.exit(status)
