"""The work of each kind of job, and the life that all of them share."""
