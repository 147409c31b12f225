"""What hostile files cost the reader of cards, and what they come to."""
