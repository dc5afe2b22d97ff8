"""Settings of alerts that cannot be deployed are refused, each with what is allowed."""

from __future__ import annotations

import pytest

from infra.settings import DeploymentSettings, DeploymentSettingsError


@pytest.mark.parametrize(
    ("context", "problem"),
    [
        ({"alert_group_seconds": 901}, "alert_group_seconds: 901 must be 0 to 900"),
        ({"alert_quiet_hours": "22-7"}, "alert_quiet_hours: '22-7' must be HH:MM-HH:MM"),
        ({"alert_quiet_hours": "24:00-07:00"}, "alert_quiet_hours"),
        ({"alert_quiet_hours": "07:00-07:00"}, "alert_quiet_hours"),
        ({"alert_time_zone": "Berlin"}, "alert_time_zone: 'Berlin' must be a time zone's name"),
        ({"alerts_per_hour": -1}, "alerts_per_hour"),
        ({"slack_channel_id": "C1"}, "slack_workspace_id, slack_channel_id: give all of them or none"),
        ({"teams_team_id": "a", "teams_tenant_id": "b"}, "teams_tenant_id, teams_team_id, teams_channel_id"),
        ({"slack_webhook_secret_arn": "https://hooks.slack.com/services/x"}, "slack_webhook_secret_arn"),
    ],
)
def test_refused(context: dict[str, object], problem: str) -> None:
    with pytest.raises(DeploymentSettingsError) as raised:
        DeploymentSettings.from_context(context)
    assert problem in str(raised.value)


def test_taken() -> None:
    settings = DeploymentSettings.from_context(
        {"alert_quiet_hours": "22:00-07:00", "alert_time_zone": "Europe/Berlin", "alerts_per_hour": "20"}
    )
    assert (settings.alert_quiet_hours, settings.alerts_per_hour) == ("22:00-07:00", 20)
