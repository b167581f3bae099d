#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// A stack of its own that runs until it suspends itself, and goes on where it was when it is resumed. All coroutines that
// one thread creates stay on that thread.

typedef struct pleat_coroutine pleat_coroutine;

// NULL where there is no memory.
pleat_coroutine *pleat_coroutine_create(size_t stack_bytes);
// Only one that is not started, or finished.
void pleat_coroutine_destroy(pleat_coroutine *coroutine);
// Prepares `entry(argument)`, which the next resume begins; also to use a finished coroutine's stack again.
void pleat_coroutine_start(pleat_coroutine *coroutine, void (*entry)(void *), void *argument);
// Runs it until it suspends or finishes; true while it is not finished.
bool pleat_coroutine_resume(pleat_coroutine *coroutine);
// From inside of it: back to whoever resumed it.
void pleat_coroutine_suspend(pleat_coroutine *coroutine);

#ifdef __cplusplus
}
#endif
