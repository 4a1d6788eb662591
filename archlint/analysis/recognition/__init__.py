"""Maps the operators of a file back to the framework operators that ran."""
