"""What of the official SDKs is not tried against the sandbox, and why not.

A name that an SDK does not have any more, and a call that it has and nobody decided about, fail the tests.
"""

CARDS = "of cards, which KakaoPay is none of"
BANKS = "of bank accounts, which a wallet does not show"
OTHER_METHODS = "of another payment method"
PAYOUTS = "sends money out; this account only takes and gives back"
PAGES = "of Checkout.com's own payment pages; here the wallet's page is the only one"
SETUPS = "the newer way to the same wallet, which needs pages of Checkout.com"
PLATFORM = "of marketplaces and their sub-entities"
ISSUING = "of issuing cards"
IDENTITY = "of identity checks"
ACCOUNT = "of the account's own money and reports, which nothing here books"
FILES = "of documents, which disputes name by id only"
PREVIOUS = "of the previous platform, which the keys of this one do not open"
UNNEEDED = "nothing that charging a wallet needs"

#: Subjects of ``CheckoutApi`` of the SDK for Python.
PYTHON_SUBJECTS = {
    "ideal": OTHER_METHODS, "bacs": OTHER_METHODS, "apple_pay": OTHER_METHODS, "google_pay": OTHER_METHODS,
    "payment_methods": UNNEEDED, "tokens": CARDS, "card_metadata": CARDS, "network_tokens": CARDS,
    "standalone_account_updater": CARDS, "sessions": CARDS, "risk": CARDS, "forward": CARDS,
    "hosted_payments": PAGES, "payments_links": PAGES, "payment_sessions": PAGES, "contexts": PAGES, "setups": SETUPS,
    "accounts": PLATFORM, "onboarding_simulator": PLATFORM, "transfers": PLATFORM, "balances": ACCOUNT,
    "reports": ACCOUNT, "financial": ACCOUNT, "forex": ACCOUNT, "issuing": ISSUING, "compliance_requests": UNNEEDED,
    "agentic_commerce": UNNEEDED, "inventory": UNNEEDED, "aml_screening": IDENTITY, "face_authentication": IDENTITY,
    "id_document_verification": IDENTITY, "address_document_verification": IDENTITY, "applicants": IDENTITY,
    "identity_verification": IDENTITY,
}  # fmt: skip

PYTHON = {
    "payments.request_payout": PAYOUTS,
    "instruments.create": "a wallet's agreement is made by a payment; what this stores are cards and bank accounts",
    "instruments.get_bank_account_field_formatting": BANKS,
    "disputes.upload_file": FILES,
    "disputes.get_file_details": FILES,
}

#: Subjects of ``Checkout`` of the SDK for Node.
NODE_SUBJECTS = {
    "bacs": OTHER_METHODS, "baloto": OTHER_METHODS, "boleto": OTHER_METHODS, "fawry": OTHER_METHODS,
    "giropay": OTHER_METHODS, "ideal": OTHER_METHODS, "klarna": OTHER_METHODS, "oxxo": OTHER_METHODS,
    "pagoFacil": OTHER_METHODS, "rapipago": OTHER_METHODS, "sepa": OTHER_METHODS, "applePay": OTHER_METHODS,
    "googlePay": OTHER_METHODS, "paymentMethods": UNNEEDED, "tokens": CARDS, "cardMetadata": CARDS,
    "networkTokens": CARDS, "accountUpdater": CARDS, "sessions": CARDS, "risk": CARDS, "forward": CARDS,
    "hostedPayments": PAGES, "paymentLinks": PAGES, "paymentSessions": PAGES, "paymentContexts": PAGES,
    "paymentSetups": SETUPS, "platforms": PLATFORM, "onboardingSimulator": PLATFORM, "transfers": PLATFORM,
    "balances": ACCOUNT, "reports": ACCOUNT, "financial": ACCOUNT, "reconciliation": ACCOUNT, "forex": ACCOUNT,
    "issuing": ISSUING, "identities": IDENTITY, "complianceRequests": UNNEEDED, "agenticCommerce": UNNEEDED,
    "files": FILES, "sources": PREVIOUS, "webhooks": PREVIOUS,
}  # fmt: skip

NODE = {
    "instruments.create": "a wallet's agreement is made by a payment; what this stores are cards and bank accounts",
    "instruments.getBankAccountFieldFormatting": BANKS,
    "events.retrieveEventTypes": PREVIOUS,
    "events.retrieveEvents": PREVIOUS,
    "events.retrieveEvent": PREVIOUS,
    "events.retrieveEventNotification": PREVIOUS,
    "events.retry": PREVIOUS,
    "events.retryAll": PREVIOUS,
}
