"""A Checkout.com with KakaoPay wallets on this machine: a real HTTP server, no real money.

Start it with ``python -m billing.sandbox --help``. It imports nothing of the billing engine, so that one
misreading of the gateway's rules cannot hide in both.
"""
