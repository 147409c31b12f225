"""Tools of this repository alone: stand-ins for S3, KMS, PostgreSQL and Redis, browsers, whole products.

Not in the wheel. What plugin authors need for their tests is `proofing.testing`.
"""
