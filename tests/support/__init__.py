"""Builders and local servers that tests share; documented like product code."""
