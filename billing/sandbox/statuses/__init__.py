"""Statuses that the API has and a wallet may show: Authorized, Voided, Returned, Retry Scheduled and others."""
