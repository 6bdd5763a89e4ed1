"""What MySQL is and how it moves. Private: for this collection's modules and the programs that its roles install."""
