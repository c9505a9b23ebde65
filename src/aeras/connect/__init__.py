"""Tills, stock and ERP feeds: what they tell becomes sales, stock and items."""
