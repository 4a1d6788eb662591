"""From the operators of a file back to those that the framework ran."""
