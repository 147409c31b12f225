"""Addresses that endpoints of relying parties may have, and those that are ways into a private network."""

REFUSED_ADDRESSES = (
    "0.0.0.0 10.0.0.1 100.100.100.200 127.0.0.1 168.63.129.16 169.254.169.254 192.0.2.1 192.88.99.1 "
    "192.168.1.1 198.18.0.1 224.0.0.1 :: ::1 ::127.0.0.1 ::ffff:8.8.8.8 ::ffff:127.0.0.1 ::ffff:0:127.0.0.1 "
    "64:ff9b::7f00:1 2002:7f00:1:: 3fff::1 5f00::1 fd00:ec2::254 fe80::1 fec0::1 ff02::1"
).split()
ALLOWED_ADDRESSES = ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111"]
