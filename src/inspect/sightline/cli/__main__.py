"""``python -m sightline.cli``: the command where its program is not on the path."""

import sys

from sightline.cli import main

sys.exit(main())
