"""Disputes: a payer asks the wallet or the bank for the money back, and the merchant may object."""
