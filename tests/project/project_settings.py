"""Settings that live mode starts with, and every setting of the model, for the tests that walk all of them."""

from billing.config.kinds import settings_in
from billing.config.settings import Settings

LIVE = """
mode = "live"
[database]
url = "postgresql://billing@db.example/billing"
[gateway]
base_url = "https://abcdefgh.api.checkout.com"
[api]
public_url = "https://billing.example.com"
return_urls = ["https://app.example.com"]
"""
LIVE_SECRETS = {
    "BILLING_SECRETS__GATEWAY_SECRET_KEY": "sk_" + "a" * 26 + "a",
    "BILLING_SECRETS__WEBHOOK_KEYS": "w" * 32,
}
ALL = list(settings_in(Settings))
SECRETS = [setting for setting in ALL if setting.is_secret]


def by_key(setting):
    return setting.key
