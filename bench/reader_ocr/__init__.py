"""What OCR reads in photos of specimens, and what that takes."""
