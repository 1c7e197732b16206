"""``python -m billing.sandbox``."""

import argparse

from billing.sandbox import defaults
from billing.sandbox.demands.profiles import chosen
from billing.sandbox.demands.scopes import checked
from billing.sandbox.options import Options
from billing.sandbox.server import run

_EPILOG = f"""\
keys that work unless others are given:
  secret key             {defaults.SECRET_KEY}
  processing channel     {defaults.PROCESSING_CHANNEL_ID}
  OAuth client           {defaults.CLIENT_ID}
  OAuth secret           {defaults.CLIENT_SECRET}   (POST /connect/token)
  webhook signature key  {defaults.WEBHOOK_KEY}

what the sandbox holds and does is seen and set under /_sandbox/:
  GET payments, wallets, requests · PUT wallets/SRC-OR-EMAIL · GET, PUT faults, profiles, webhooks, clock
  GET, POST disputes · PUT disputes/ID · POST drain, reset
"""


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and serve."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    try:
        given["profiles"] = chosen(given.pop("profile"), strict=given.pop("strict"))
        granted = given.pop("granted_scopes")
        given["granted_scopes"] = None if granted is None else checked(granted.split())
    except ValueError as error:
        parser.error(str(error))
    run(Options(**given))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m billing.sandbox",
        description="A Checkout.com with KakaoPay wallets on this machine. No real money.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default=defaults.HOST, help="address to listen on (default %(default)s)")
    add("--port", type=_port, default=defaults.PORT, help="0 picks a free one (default %(default)s)")
    add("--database", default=":memory:", metavar="FILE", help="keep everything in this file across restarts")
    add("--seed", type=int, help="the same seed gives the same ids, delays and faults (default: a new one)")
    add("--webhook-url", metavar="URL", help="where events are sent (default: nowhere)")
    add("--webhook-key", metavar="KEY", help="signature key of Cko-Signature")
    add("--webhook-authorization", metavar="VALUE", help="sent as Authorization with each event, verbatim")
    add("--secret-key", default=defaults.SECRET_KEY, metavar="SK", help="bearer key to accept")
    add(
        "--processing-channel-id",
        default=defaults.PROCESSING_CHANNEL_ID,
        metavar="PC",
        help="channel to accept",
    )
    add("--merchant", default=defaults.MERCHANT, metavar="NAME", help="shown on the wallet page")
    add("--time-scale", type=_scale, default=1.0, metavar="X", help="webhook retries come X times sooner")
    add("--strict", action="store_true", help="demand and withhold all that the real gateway may")
    add("--profile", action="append", default=[], metavar="NAME", help="one demand of them; may be repeated")
    add("--granted-scopes", metavar="SCOPES", help="what the keys open, such as 'gateway vault:instruments'")
    add("--quiet", action="store_true", help="print only where it listens")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError("a port is between 0 and 65535")
    return port


def _scale(text: str) -> float:
    scale = float(text)
    if not 0.001 <= scale <= 1_000_000:
        raise argparse.ArgumentTypeError("a time scale is between 0.001 and 1000000")
    return scale


if __name__ == "__main__":
    main()
