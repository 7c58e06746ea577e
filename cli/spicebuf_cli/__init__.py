"""The command line of spicebuf: thin commands over one library call each."""
