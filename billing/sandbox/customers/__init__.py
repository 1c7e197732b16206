"""Customers: what Checkout.com knows of who pays. A payment with an e-mail makes or finds one."""
