"""What a lesson runs on and shows: its start and gates, scorecard, exercises, figures, widgets, recorded runs."""
