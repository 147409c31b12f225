"""A host whose clock is wrong gets an error about its clock, not about missing rights."""

import time

import pytest

from proofing.base.errors import StoreUnavailableError, Trouble
from proofing_aws.image_store import S3ImageStore
from proofing_devtools.s3 import Bucket, S3Server


@pytest.mark.parametrize(("ahead", "way"), [(3600.0, "behind"), (-3600.0, "ahead")])
async def test_a_wrong_clock_is_named(aws, ahead, way):
    """At the start already, whichever call is the first; S3 answers some of them without a code."""
    server = S3Server([Bucket(name="images", only_if_absent=True)], now=lambda: time.time() + ahead)
    server.start()
    store = S3ImageStore(aws.settings(s3_endpoint_url=server.url), role="web")

    async def use():
        await store.open()
        await store.read("captures/a", max_bytes=10)

    try:
        with pytest.raises(StoreUnavailableError, match=f"clock is 3[56]\\d\\d s {way}") as caught:
            await use()
        assert caught.value.trouble is Trouble.CONFIGURATION
    finally:
        await store.close()
        server.stop()
