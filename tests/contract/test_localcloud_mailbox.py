"""The embedded cloud's mailbox: every message of a topic, as people get it, for whoever asks and as often."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any

from tests.contract.localcloud_world import World


def mails(world: World, topic: str, after: int = 0) -> list[dict[str, Any]]:
    asked = urllib.parse.urlencode({"topic": topic, "after": after})
    with urllib.request.urlopen(f"{world.cloud.endpoint}/_localcloud/mails?{asked}", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["mails"]
    return found


def test_a_mailbox_is_there_by_itself(world: World) -> None:
    sns = world.client("sns")
    topic, other = (sns.create_topic(Name=world.name("topic"))["TopicArn"] for _ in range(2))
    attribute = {"experiment": {"DataType": "String", "StringValue": "blobs"}}
    first = sns.publish(TopicArn=topic, Subject="one", Message="first\nline", MessageAttributes=attribute)
    sns.publish(TopicArn=other, Message="elsewhere")
    sns.publish(
        TopicArn=topic, MessageStructure="json", Message=json.dumps({"default": "short", "email": "for people"})
    )
    found = mails(world, topic)
    assert [(each["subject"], each["text"]) for each in found] == [("one", "first\nline"), ("", "for people")]
    assert found[0]["id"] == first["MessageId"]
    assert found[0]["attributes"] == {"experiment": "blobs"}
    assert mails(world, topic) == found, "nothing is taken out"
    assert mails(world, topic, after=found[0]["number"]) == found[1:]
