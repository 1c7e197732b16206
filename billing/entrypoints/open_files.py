"""How many files, and so how many connections, this process may have open."""

import resource


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one; return what holds then.

    A service that asks for more than the soft limit is expected to say so: it is low for the sake of programs that
    use select().
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == hard:
        return soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # a system on which the hard limit is higher than what it gives
        return soft
    return hard
