"""What a sweep shows: figure, table and received pictures."""
