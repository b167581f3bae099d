#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

// Brings memory nearer that is read soon; any address will do.
static inline void pleat_prefetch(const void *address) { __builtin_prefetch(address); }
