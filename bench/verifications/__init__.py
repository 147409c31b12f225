"""What creating, changing and reading a verification costs."""
