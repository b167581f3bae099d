#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What a decoder of JSON cannot be faster than: simdjson's own parse of a text, copied into its padded buffer first; nothing is
// looked at. Returns the number of bytes of its tape, 0 where the text is no JSON.
typedef struct ceiling_parser ceiling_parser;

ceiling_parser *ceiling_create(void);
void ceiling_destroy(ceiling_parser *parser);
size_t ceiling_parse(ceiling_parser *parser, const void *text, size_t length);

#ifdef __cplusplus
}
#endif
