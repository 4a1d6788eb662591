"""What a file says of the program that it was exported from."""
