"""What one whole proofing stores and asks of S3 and KMS: for docs/explanation/capacity.md."""
