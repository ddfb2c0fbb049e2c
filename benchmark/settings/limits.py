"""Upper ends of settings: what is above them is a slip, which would fail late or end the process.

They are far above what is useful. Whether a value fits this machine is checked separately, in
``benchmark.runs.checks``.
"""

MOST_SEED = 2**63 - 1  # score tables store seeds as int64
MOST_ITERATIONS = 10**9  # thirty years at one iteration a second
MOST_AT_ONCE = 4096  # pairs or volumes in a batch: a few fill a GPU
MOST_SAMPLES = 10_000  # volumes a pair: each is a file
MOST_PARALLEL = 1024  # threads, processes, cores or devices of a machine
MOST_NODES = 10_000  # machines: more than any cluster gives to one job
MOST_YEARS = 100  # of a participant's follow-up
MOST_DAYS = 36_525  # between a scan and what was noted at another time: a century
MOST_FOLDS = 1000  # each is a protocol of its own
MOST_GB = 10**6  # memory of a machine
MOST_FACTOR = 10**9  # of a loss over its median, or of a weight
MOST_RATE = 1000.0  # learning rates of any optimizer are below it
MOST_RETRIES = 1000
MOST_HOURS = 24 * 365  # no queue gives a job more than a year
