//! Small worlds with guarded calls, whose every instant can be worked out by hand.
