"""What the framework ran as one operator and the exporters write as several."""
