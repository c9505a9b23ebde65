"""Frame to detections: faces, landmarks, expression, hands, people."""
