"""What MySQL is and how it moves. Private: for the modules of this collection and the programs that its roles install."""
