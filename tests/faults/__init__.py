"""The fault matrix: real processes against real servers, killed, frozen, starved; nothing may be lost or doubled."""
