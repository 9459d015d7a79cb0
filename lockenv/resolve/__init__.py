"""One engine for every ecosystem; asks through the protocol `Source`; explains; verifies."""

from lockenv.resolve.protocol import Candidate, Identifier, Rejected, Requirement, Source

__all__ = ["Candidate", "Identifier", "Rejected", "Requirement", "Source"]
