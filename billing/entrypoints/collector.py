"""Python's garbage collector, told what a long-lived process knows about itself."""

import gc
from typing import Final

BETWEEN_LOOKS: Final = 10_000
"""More new objects than this, and the young ones are looked through; a batch of 500 rows makes as many."""


def spare_the_collector() -> None:
    """Let the collector leave alone what was made until now, and look less often at what comes.

    What was imported and built at the start stays as long as the process does, and rows of a batch are freed by
    their counts. Looking for cycles in them took a quarter of the time of a charge, and of a burst of webhooks; a look
    through all of the API's objects kept every request waiting for a tenth of a second and more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(BETWEEN_LOOKS, 20, 50)
