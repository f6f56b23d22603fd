"""What a lead asks of a round: agreement, calibration, drift; per criterion and segment."""
