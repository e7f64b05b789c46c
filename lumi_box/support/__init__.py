"""The support bundle: what somebody needs who helps from afar, and nothing that is not theirs to read."""
