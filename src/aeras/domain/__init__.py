"""The vocabulary every room shares: what is seen, what is kept, the shop, ports, errors."""
