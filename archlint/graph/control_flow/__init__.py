"""If, Loop and Scan: branches inlined, loops counted or unrolled."""
