"""`billing sandbox`: the bundled Checkout.com. The one module of ours that may import it."""

from typing import Annotated, Any

import typer

from billing.entrypoints.cli.output import print_json
from billing.sandbox import defaults
from billing.sandbox.demands.profiles import chosen
from billing.sandbox.demands.scopes import checked
from billing.sandbox.options import Options
from billing.sandbox.server import run


def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = defaults.HOST,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 picks a free one.")] = defaults.PORT,
    database: Annotated[
        str, typer.Option(metavar="FILE", help="Keep everything in this file across restarts.")
    ] = ":memory:",
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same ids, delays and faults.", show_default="a new one")
    ] = None,
    webhook_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where events are sent, such as http://127.0.0.1:8600/webhooks/checkout.",
            show_default="nowhere",
        ),
    ] = None,
    webhook_key: Annotated[
        str, typer.Option(metavar="KEY", help="Signature key of Cko-Signature.")
    ] = defaults.WEBHOOK_KEY,
    webhook_authorization: Annotated[
        str | None, typer.Option(metavar="VALUE", help="Sent as Authorization with each event, verbatim.")
    ] = None,
    secret_key: Annotated[str, typer.Option(metavar="SK", help="Bearer key to accept.")] = defaults.SECRET_KEY,
    processing_channel_id: Annotated[
        str, typer.Option(metavar="PC", help="Channel to accept.")
    ] = defaults.PROCESSING_CHANNEL_ID,
    merchant: Annotated[str, typer.Option(metavar="NAME", help="Shown on the wallet page.")] = defaults.MERCHANT,
    time_scale: Annotated[
        float, typer.Option(metavar="X", min=0.001, max=1_000_000, help="Webhook retries come X times sooner.")
    ] = 1.0,
    strict: Annotated[
        bool, typer.Option("--strict", help="Demand and withhold all that the real gateway may.")
    ] = False,
    profile: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="One demand of --strict, or one it excludes; may be repeated."),
    ] = None,
    granted_scopes: Annotated[
        str | None,
        typer.Option(
            metavar="SCOPES",
            help="What the keys open, such as 'gateway vault:instruments'.",
            show_default="all, or as --profile scopes says",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only where it listens.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the options as JSON first, then only where.")] = False,
) -> None:
    """Run a Checkout.com with KakaoPay wallets on this machine, until Ctrl-C. No real money."""
    options = Options(
        host=host,
        port=port,
        database=database,
        seed=seed,
        webhook_url=webhook_url,
        webhook_key=webhook_key,
        webhook_authorization=webhook_authorization,
        secret_key=secret_key,
        processing_channel_id=processing_channel_id,
        merchant=merchant,
        time_scale=time_scale,
        quiet=quiet or as_json,
        **_demands(profile or [], granted_scopes, strict=strict),
    )
    if as_json:
        print_json({"host": host, "port": port, "database": database, "seed": seed, "webhook_url": webhook_url})
    run(options)


def _demands(names: list[str], granted: str | None, *, strict: bool) -> dict[str, Any]:
    """:raises typer.BadParameter: a profile or scope does not exist; the message lists those that do."""
    try:
        profiles = chosen(names, strict=strict)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--profile") from None
    try:
        scopes = None if granted is None else checked(granted.split())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--granted-scopes") from None
    return {"profiles": profiles, "granted_scopes": scopes}
