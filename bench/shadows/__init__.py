"""What shadows cost the people whose questions they follow."""
