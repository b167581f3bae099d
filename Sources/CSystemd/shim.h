#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
// Of the C library, which Swift's Glibc module leaves out.
#include <malloc.h>
