"""Certificates (RFC 5280): no more of them than a folder of trusted ones needs."""

from lockenv.formats.x509.subject import CertificateError, read_certificates, subject_hash

__all__ = ["CertificateError", "read_certificates", "subject_hash"]
