#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A strict JSON reader: RFC 8259's grammar and nothing else, valid UTF-8 (simdjson's check), no lone surrogate escape, no
// member twice in an object, bounded nesting. What it read stands in one flat array of nodes, in document order; numbers
// and strings stay text. In the steady state it allocates nothing.

enum {
  PLEAT_JSON_MAX_DEPTH = 128,
  // Bytes behind the text that may be read.
  PLEAT_JSON_PADDING = 64,
  // Known names have the numbers 1...63.
  PLEAT_JSON_MAX_NAMES = 63,
  PLEAT_JSON_MAX_NAME_LENGTH = 32,
};

enum {
  PLEAT_JSON_OK = 0,
  PLEAT_JSON_INVALID_UTF8 = 1,
  PLEAT_JSON_MALFORMED = 2,
  // The grammar is kept, but an object has a member twice: `duplicate` is the first repetition's node.
  PLEAT_JSON_DUPLICATE = 3,
};

enum {
  PLEAT_JSON_NULL = 0,
  PLEAT_JSON_FALSE = 1,
  PLEAT_JSON_TRUE = 2,
  PLEAT_JSON_NUMBER = 3,
  PLEAT_JSON_STRING = 4,
  PLEAT_JSON_ARRAY = 5,
  PLEAT_JSON_OBJECT = 6,
};

enum {
  // The string holds an escape.
  PLEAT_JSON_ESCAPED = 1,
  // The string holds one of U+007F-9F unescaped (U+0000-1F cannot stand there).
  PLEAT_JSON_CONTROL = 2,
};

typedef struct pleat_json_node {
  // A member's name as written, without its quotes; 0, 0 outside objects.
  uint32_t key_start;
  uint32_t key_length;
  // The value as written; a string without its quotes.
  uint32_t start;
  uint32_t length;
  // The node behind this one's subtree.
  uint32_t next;
  uint8_t kind;
  // The known name's number, by the name unescaped; 0 for others.
  uint8_t name;
  // Two bytes, so that the compiler copies whole words.
  uint16_t flags;
} pleat_json_node;

typedef struct pleat_json_document {
  // The reader's copy of the text, with PLEAT_JSON_PADDING zeros behind it.
  const uint8_t *text;
  const pleat_json_node *nodes;
  // As many bytes as the text, for whoever reads strings.
  uint8_t *scratch;
  uint32_t node_count;
  uint32_t duplicate;
} pleat_json_document;

typedef struct pleat_json_reader pleat_json_reader;

// Names: at most PLEAT_JSON_MAX_NAMES, each 1...PLEAT_JSON_MAX_NAME_LENGTH bytes; the first has the number 1. NULL otherwise.
pleat_json_reader *pleat_json_reader_create(const char *const *names, size_t count);
void pleat_json_reader_destroy(pleat_json_reader *reader);

// Reads a text of less than 2^31 bytes. The document is valid until the next call.
int pleat_json_read(pleat_json_reader *reader, const void *text, size_t length, pleat_json_document *document);

// Writes the string behind a text that was read (at most as many bytes), and returns its length.
size_t pleat_json_unescape(const uint8_t *raw, size_t length, uint8_t *out);

bool pleat_utf8_is_valid(const void *text, size_t length);

// Brings memory nearer that is read soon; any address will do.
static inline void pleat_prefetch_read(const void *address) { __builtin_prefetch(address); }

#ifdef __cplusplus
}
#endif
