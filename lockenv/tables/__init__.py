"""Shipped data: public addresses, interpreter builds, and the tables of other layers."""
