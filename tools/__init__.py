"""Generators: what they write from the code stands in the repository, and a test holds it up to date."""
