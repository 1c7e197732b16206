"""``POST /payments/search``: payments by time window and fields, page by page."""
