"""`python -m hover_core.jobs run ID ATTEMPT`: the process of one job."""

import sys

from hover_core.jobs.worker import main

sys.exit(main())
