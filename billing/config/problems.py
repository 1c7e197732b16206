"""What is wrong with a setting, in a sentence that shows no secret."""

from dataclasses import dataclass

from billing.config.kinds import Setting


@dataclass(frozen=True, slots=True)
class Problem:
    """``setting``: what is to be changed; whoever reads the settings knows where its value came from.

    ``value``: what it is, where the sentence goes on from it (``gateway.base_url = 'nonsense': is no base URL``).
    """

    setting: Setting
    sentence: str
    value: str | None = None
