"""`gridwatch alerts`: the mails that a local cloud's alert topic sent. On AWS they are with whoever is subscribed."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.looking.options import JsonOption
from gridwatch.cli.output import cell, print_json, visible_lines

_POLL_SECONDS = 1.0
_PATH = "/_localcloud/mails"
_RULE = "─" * 80


def alerts(
    context: typer.Context,
    experiment: Annotated[str | None, typer.Argument(help="Only what is about this experiment.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", "-n", min=1, help="Only the last so many.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the alerts that were sent, as people get them by e-mail (in the local cloud, which has a mailbox)."""
    if follow and as_json:
        raise CliError("--json is one document, which --follow never ends: name one of them")
    cloud = cloud_of(context)
    mailbox = Mailbox(cloud, experiment)
    mails = list(mailbox.new())[-(tail or 0) :]
    if as_json:
        print_json(mails)
        return
    if not mails and not follow:
        typer.echo("no alerts were sent" + (f" about {experiment}" if experiment else ""), err=True)
    while True:
        for mail in mails:
            typer.echo(in_words(mail))
        if not follow:
            return
        cloud.clock.sleep(_POLL_SECONDS)
        mails = list(mailbox.new())


@dataclass(slots=True)
class Mailbox:
    """A reader of the mails, which returns each once."""

    cloud: Cloud
    experiment: str | None = None
    last: int = 0

    def new(self) -> Iterator[Mapping[str, Any]]:
        """The mails since the last call. Raises CliError where there is no mailbox."""
        asked = urllib.parse.urlencode({"topic": self.cloud.deployment.alert_topic, "after": self.last})
        for mail in _read(f"{self._endpoint()}{_PATH}?{asked}")["mails"]:
            self.last = mail["number"]
            if self.experiment in (None, mail["attributes"].get("experiment")):
                yield mail

    def _endpoint(self) -> str:
        endpoint = self.cloud.session.endpoint_url
        if endpoint is None:
            topic = self.cloud.deployment.alert_topic
            raise CliError(
                f"alerts on AWS are with whoever is subscribed to {topic} (alert_emails, docs/deploy.md); "
                "only a local cloud has a mailbox"
            )
        return endpoint.rstrip("/")


def in_words(mail: Mapping[str, Any]) -> str:
    at = cell(datetime.fromisoformat(mail["at"]))
    return visible_lines(f"{_RULE}\n{at}  {mail['subject']}\n\n{mail['text'].rstrip()}\n")


def _read(url: str) -> Any:
    try:
        # Never by a proxy: it is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=10) as answer:
            return json.load(answer)
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        raise CliError(f"the cloud at {url.partition(_PATH)[0]} shows no mailbox: {error}") from error
