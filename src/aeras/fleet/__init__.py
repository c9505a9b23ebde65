"""Many shops: an edge spools its events, a hub takes them in."""
