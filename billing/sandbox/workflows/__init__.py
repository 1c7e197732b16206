"""Workflows: under which conditions which events go to which webhooks."""
