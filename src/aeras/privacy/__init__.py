"""The only door from seen to kept, and what may be published."""
