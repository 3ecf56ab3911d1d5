"""Personal data: keyed pseudonyms first, then redaction, and a scan that checks the result."""

from pipeline.domain.privacy.address import canonical_address, generalise_address
from pipeline.domain.privacy.keys import address_key, normal_phone, person_key, pseudonym
from pipeline.domain.privacy.kinds import PLACEHOLDERS, without_placeholders
from pipeline.domain.privacy.redact import Redacted, redact, redacted, redacted_label
from pipeline.domain.privacy.scan import scan

__all__ = [
    "PLACEHOLDERS",
    "Redacted",
    "address_key",
    "canonical_address",
    "generalise_address",
    "normal_phone",
    "person_key",
    "pseudonym",
    "redact",
    "redacted",
    "redacted_label",
    "scan",
    "without_placeholders",
]
