"""Events and control data."""
