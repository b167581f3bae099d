#define _GNU_SOURCE
#include "coroutine.h"

#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

struct pleat_coroutine {
  // Only begins: switching by it would ask the kernel for the signal mask each time.
  ucontext_t beginning;
  jmp_buf own;
  jmp_buf caller;
  bool begun;
  void *stack;
  size_t stack_bytes;
  void (*entry)(void *);
  void *argument;
  bool finished;
};

pleat_coroutine *pleat_coroutine_create(size_t stack_bytes) {
  pleat_coroutine *coroutine = calloc(1, sizeof *coroutine);
  if (coroutine == NULL) return NULL;
  void *stack = mmap(NULL, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED) {
    free(coroutine);
    return NULL;
  }
  // Its lowest page: who runs over the stack is stopped there.
  mprotect(stack, 4096, PROT_NONE);
  coroutine->stack = stack;
  coroutine->stack_bytes = stack_bytes;
  coroutine->finished = true;
  return coroutine;
}

void pleat_coroutine_destroy(pleat_coroutine *coroutine) {
  munmap(coroutine->stack, coroutine->stack_bytes);
  free(coroutine);
}

// makecontext passes integers: a pointer takes two.
static void run(unsigned low, unsigned high) {
  pleat_coroutine *coroutine = (pleat_coroutine *)((uintptr_t)high << 32 | (uintptr_t)low);
  // Its stack is used again from here: whoever starts the next entry resumes it inside of the loop.
  for (;;) {
    coroutine->entry(coroutine->argument);
    coroutine->finished = true;
    if (_setjmp(coroutine->own) == 0) _longjmp(coroutine->caller, 1);
  }
}

void pleat_coroutine_start(pleat_coroutine *coroutine, void (*entry)(void *), void *argument) {
  coroutine->entry = entry;
  coroutine->argument = argument;
  coroutine->finished = false;
  if (coroutine->begun) return;
  getcontext(&coroutine->beginning);
  coroutine->beginning.uc_stack.ss_sp = coroutine->stack;
  coroutine->beginning.uc_stack.ss_size = coroutine->stack_bytes;
  coroutine->beginning.uc_link = NULL;
  uintptr_t address = (uintptr_t)coroutine;
  makecontext(
      &coroutine->beginning, (void (*)(void))run, 2, (unsigned)(address & 0xFFFFFFFFu), (unsigned)(address >> 32));
}

bool pleat_coroutine_resume(pleat_coroutine *coroutine) {
  if (_setjmp(coroutine->caller) == 0) {
    if (coroutine->begun) _longjmp(coroutine->own, 1);
    coroutine->begun = true;
    setcontext(&coroutine->beginning);
  }
  return !coroutine->finished;
}

void pleat_coroutine_suspend(pleat_coroutine *coroutine) {
  if (_setjmp(coroutine->own) == 0) _longjmp(coroutine->caller, 1);
}
