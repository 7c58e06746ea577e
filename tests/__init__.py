"""Tests of spicebuf; most of them run the real ngspice."""
