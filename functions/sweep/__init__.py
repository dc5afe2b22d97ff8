"""On a schedule: repair what lost events left behind."""
