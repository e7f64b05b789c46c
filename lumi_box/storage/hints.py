"""What to do about a store that does not work, by the code of its error."""

HINTS = {
    "storage": "Check that storage.disk.path exists, is mounted, and may be written by this user.",
    "disk_full": "Remove what is not needed, or grow the disk; waiting jobs go on by themselves.",
    "s3_key": "Check storage.s3.access_key_id and storage.s3.secret_access_key: the service does not accept them.",
    "s3_denied": "Allow this key to list the bucket and to get, put and delete objects under storage.s3.prefix.",
    "s3_bucket": "Check storage.s3.bucket, and create the bucket: lumi-box never creates one.",
    "s3_clock": "This machine's clock is off; let it keep time, for example: timedatectl set-ntp true",
    "s3_region": "Check storage.s3.region and storage.s3.endpoint: the bucket is in another region.",
    "s3_style": "Write storage.s3.force_path_style = false: this service wants the bucket in the host name.",
    "s3_full": "The bucket's quota is used up: raise it; waiting jobs go on by themselves.",
    "s3_busy": "The service asks for fewer requests; it is tried again by itself.",
    "s3_tls": "Check that storage.s3.endpoint has a certificate that this machine trusts, or is http where TLS is off.",
    "s3_unreachable": "Check storage.s3.endpoint, and this machine's network, name servers and firewall.",
    "s3_cut": "The connection broke: check the network to storage.s3.endpoint, and any proxy between.",
    "s3": "See the words of the service, and its own log.",
    "marker": "Mount the disk or name the bucket that this database belongs to; if this is the one, run: "
    "lumi-box storage mark",
}


def hint(code: str) -> str:
    """What to do; for a code that nobody foresaw, where to look."""
    return HINTS.get(code, "See the log for what happened before.")
