"""Trains the embedded network: ``python docs/examples/train_anatomy.py FOLDER``.

Resumes after an interruption. The resulting weights belong in ``metrics/data/``.
"""

import sys
from pathlib import Path

from anatomy_training.training import Recipe, train

from longibench.benchmark.core.console import Console

if __name__ == "__main__":
    print(train(Path(sys.argv[1]), Recipe(), Console()))
