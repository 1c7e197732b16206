"""Says whether the key that everybody knows opens the API, and why."""

from billing.config.settings import SANDBOX_API_KEY, Settings


def built_in_key_in_words(settings: Settings) -> str | None:
    """Return a sentence about the built-in key, or None where it never opens anything."""
    if settings.built_in_api_key() is not None:
        return f"{SANDBOX_API_KEY} opens it as an admin: API and gateway are reached from this machine only"
    if settings.uses_the_bundled_sandbox:
        return (
            f"{SANDBOX_API_KEY} does not open it: with api.host {settings.api.host} other machines reach the API; "
            "make a key with `billing keys create NAME`"
        )
    return None
