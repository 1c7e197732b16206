"""What the sandbox demands and withholds beyond its default: named profiles, each switched alone.

The real gateway's behaviour is not known in every corner. Each profile is one way in which it may be stricter or
tell less than the sandbox's default; ``--strict`` switches on all that exclude no other.
"""
