"""Detections to tracks, whose ids live as long as a visit."""
