#include "CSimdjson.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <simdjson.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace {

using Node = pleat_json_node;

#define PLEAT_INLINE inline __attribute__((always_inline))

// Objects with at most so many unknown names compare each with each; larger ones sort.
constexpr uint32_t pairwise_limit = 8;

inline uint64_t load8(const void *at) {
  uint64_t word;
  std::memcpy(&word, at, 8);
  return word;
}

// The first byte at or behind `p` that a string cannot just go on with: a control character, a quote, a backslash, DEL, or
// the lead byte of U+0080-BF. The zeros behind the text end every search.
PLEAT_INLINE const uint8_t *skip_plain(const uint8_t *p) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), below = _mm_set1_epi8(0x1f);
  const __m128i del = _mm_set1_epi8(0x7f), lead = _mm_set1_epi8(static_cast<char>(0xc2));
  for (;;) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i *>(p));
    __m128i hit = _mm_cmpeq_epi8(_mm_min_epu8(v, below), v);
    hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
    hit = _mm_or_si128(hit, _mm_or_si128(_mm_cmpeq_epi8(v, del), _mm_cmpeq_epi8(v, lead)));
    const int mask = _mm_movemask_epi8(hit);
    if (mask != 0) return p + __builtin_ctz(static_cast<unsigned>(mask));
    p += 16;
  }
#else
  while (*p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f && *p != 0xc2) p++;
  return p;
#endif
}

// Copies a text, and says whether it is ASCII alone.
PLEAT_INLINE bool copy_ascii(uint8_t *to, const uint8_t *from, size_t length) {
#if defined(__SSE2__)
  if (length >= 16) {
    __m128i any = _mm_setzero_si128();
    const auto copy16 = [&](size_t at) {
      const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from + at));
      _mm_storeu_si128(reinterpret_cast<__m128i *>(to + at), v);
      any = _mm_or_si128(any, v);
    };
    for (size_t at = 0; at + 16 <= length; at += 16) copy16(at);
    copy16(length - 16);
    return _mm_movemask_epi8(any) == 0;
  }
#endif
  if (length > 0) std::memcpy(to, from, length);
  return std::all_of(to, to + length, [](uint8_t c) { return c < 0x80; });
}

PLEAT_INLINE const uint8_t *skip_space(const uint8_t *p) {
  // What producers write has none.
  if (__builtin_expect(*p > ' ', 1)) return p;
  while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t') p++;
  return p;
}

inline bool is_digit(uint8_t c) { return static_cast<uint8_t>(c - '0') < 10; }

// The value of a hexadecimal digit, or more than 15.
inline uint32_t hex(uint8_t c) {
  if (is_digit(c)) return c - '0';
  const uint8_t lower = c | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 16;
}

// The code unit of four hexadecimal digits, or more than 0xFFFF.
uint32_t hex4(const uint8_t *p) {
  uint32_t unit = 0;
  for (int i = 0; i < 4; i++) {
    const uint32_t digit = hex(p[i]);
    if (digit > 15) return 0x10000;
    unit = unit << 4 | digit;
  }
  return unit;
}

// Behind the escape at `p` (a backslash), or NULL where it is none.
const uint8_t *skip_escape(const uint8_t *p) {
  switch (p[1]) {
  case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
    return p + 2;
  case 'u': {
    const uint32_t unit = hex4(p + 2);
    if (unit > 0xffff || (unit >= 0xdc00 && unit <= 0xdfff)) return nullptr;
    if (unit < 0xd800 || unit > 0xdbff) return p + 6;
    if (p[6] != '\\' || p[7] != 'u') return nullptr;
    const uint32_t low = hex4(p + 8);
    return low >= 0xdc00 && low <= 0xdfff ? p + 12 : nullptr;
  }
  default:
    return nullptr;
  }
}

// `p` stands behind the opening quote; returns the closing one, or NULL.
PLEAT_INLINE const uint8_t *scan_string(const uint8_t *p, uint8_t &flags) {
  for (;;) {
    p = skip_plain(p);
    if (__builtin_expect(*p == '"', 1)) return p;
    switch (*p) {
    case '\\':
      flags |= PLEAT_JSON_ESCAPED;
      p = skip_escape(p);
      if (p == nullptr) return nullptr;
      break;
    case 0x7f:
      flags |= PLEAT_JSON_CONTROL;
      p += 1;
      break;
    case 0xc2:
      if (p[1] < 0xa0) flags |= PLEAT_JSON_CONTROL;
      p += 1;
      break;
    default:
      return nullptr;
    }
  }
}

// Behind the number at `p`, or NULL.
inline const uint8_t *scan_number(const uint8_t *p) {
  if (*p == '-') p++;
  if (*p == '0') {
    p++;
  } else {
    if (!is_digit(*p)) return nullptr;
    while (is_digit(*p)) p++;
  }
  if (*p == '.') {
    p++;
    if (!is_digit(*p)) return nullptr;
    while (is_digit(*p)) p++;
  }
  if (*p == 'e' || *p == 'E') {
    p++;
    if (*p == '+' || *p == '-') p++;
    if (!is_digit(*p)) return nullptr;
    while (is_digit(*p)) p++;
  }
  return p;
}

struct Name {
  uint64_t first, last;
  uint32_t length;
  uint8_t number;
  char bytes[PLEAT_JSON_MAX_NAME_LENGTH];
};

struct Key {
  const uint8_t *bytes;
  uint32_t length;
  uint32_t node;
};

inline bool same(const Key &a, const Key &b) {
  return a.length == b.length && std::memcmp(a.bytes, b.bytes, a.length) == 0;
}

struct Scope {
  uint64_t seen;
  uint32_t node;
  uint32_t unknown;
};

} // namespace

struct pleat_json_reader {
  Name names[256] = {};
  // By number; of number 0 none.
  Name numbered[PLEAT_JSON_MAX_NAMES + 1] = {};
  // For each known name the one that came behind it last: producers write their members in one order.
  uint8_t following[PLEAT_JSON_MAX_NAMES + 1] = {};
  uint8_t *text = nullptr;
  uint8_t *scratch = nullptr;
  size_t text_capacity = 0;
  Node *nodes = nullptr;
  uint32_t node_capacity = 0;
  std::vector<uint8_t> unescaped;
  std::vector<Key> keys;

  ~pleat_json_reader() {
    std::free(text);
    std::free(scratch);
    std::free(nodes);
  }

  static uint32_t slot(uint64_t first, uint32_t length) {
    return static_cast<uint32_t>(((first ^ length * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u) >> 56);
  }

  static uint64_t first_word(const void *bytes, uint32_t length) {
    const uint64_t word = load8(bytes);
    return length >= 8 ? word : word & ~(~uint64_t(0) << (8 * length));
  }

  // The number of a known name, or 0. Eight bytes from `bytes` on can be read.
  uint8_t find(const uint8_t *bytes, uint32_t length) const {
    if (length == 0 || length > PLEAT_JSON_MAX_NAME_LENGTH) return 0;
    const uint64_t first = first_word(bytes, length);
    for (uint32_t at = slot(first, length);; at = (at + 1) & 255) {
      const Name &name = names[at];
      if (name.number == 0) return 0;
      if (name.first != first || name.length != length) continue;
      if (length <= 8) return name.number;
      if (load8(bytes + length - 8) != name.last) continue;
      if (length <= 16 || std::memcmp(bytes + 8, name.bytes + 8, length - 16) == 0) return name.number;
    }
  }

  // Whether this known name stands at `bytes`, and a quote behind it.
  bool is_at(const uint8_t *bytes, const Name &name) const {
    if (name.length == 0 || bytes[name.length] != '"' || first_word(bytes, name.length) != name.first) return false;
    if (name.length <= 8) return true;
    if (load8(bytes + name.length - 8) != name.last) return false;
    return name.length <= 16 || std::memcmp(bytes + 8, name.bytes + 8, name.length - 16) == 0;
  }

  void add(const char *bytes, uint32_t length, uint8_t number) {
    char padded[PLEAT_JSON_MAX_NAME_LENGTH + 8] = {};
    std::memcpy(padded, bytes, length);
    const uint64_t first = first_word(padded, length);
    uint32_t at = slot(first, length);
    while (names[at].number != 0) at = (at + 1) & 255;
    Name &name = names[at];
    name.first = first;
    name.last = length >= 8 ? load8(padded + length - 8) : 0;
    name.length = length;
    name.number = number;
    std::memcpy(name.bytes, padded, PLEAT_JSON_MAX_NAME_LENGTH);
    numbered[number] = name;
  }

  void reserve_text(size_t length) {
    const size_t needed = length + PLEAT_JSON_PADDING;
    if (needed <= text_capacity) return;
    const size_t capacity = std::max(needed, 2 * text_capacity);
    std::free(text);
    std::free(scratch);
    text = static_cast<uint8_t *>(std::malloc(capacity));
    scratch = static_cast<uint8_t *>(std::malloc(capacity));
    if (text == nullptr || scratch == nullptr) std::abort();
    text_capacity = capacity;
  }

  void grow_nodes() {
    node_capacity = node_capacity == 0 ? 256 : 2 * node_capacity;
    nodes = static_cast<Node *>(std::realloc(nodes, node_capacity * sizeof(Node)));
    if (nodes == nullptr) std::abort();
  }

  uint8_t find_escaped(const uint8_t *raw, uint32_t length) {
    unescaped.resize(length + 8);
    return find(unescaped.data(), static_cast<uint32_t>(pleat_json_unescape(raw, length, unescaped.data())));
  }

  // The first repetition among the unknown names of an object whose nodes are all there, or `none`.
  uint32_t repeated_unknown(uint32_t object, uint32_t end, uint32_t none) {
    keys.clear();
    unescaped.clear();
    // So that no key moves while others are added.
    size_t escaped_bytes = 0;
    for (uint32_t i = object + 1; i < end; i = nodes[i].next) {
      if (nodes[i].name == 0) escaped_bytes += nodes[i].key_length;
    }
    unescaped.reserve(escaped_bytes);
    for (uint32_t i = object + 1; i < end; i = nodes[i].next) {
      const Node &node = nodes[i];
      if (node.name != 0) continue;
      const uint8_t *bytes = text + node.key_start;
      if (std::memchr(bytes, '\\', node.key_length) == nullptr) {
        keys.push_back(Key{bytes, node.key_length, i});
        continue;
      }
      const size_t at = unescaped.size();
      unescaped.resize(at + node.key_length);
      const size_t length = pleat_json_unescape(bytes, node.key_length, unescaped.data() + at);
      keys.push_back(Key{unescaped.data() + at, static_cast<uint32_t>(length), i});
    }
    if (keys.size() <= pairwise_limit) {
      for (size_t i = 1; i < keys.size(); i++) {
        for (size_t j = 0; j < i; j++) {
          if (same(keys[i], keys[j])) return keys[i].node;
        }
      }
      return none;
    }
    std::sort(keys.begin(), keys.end(), [](const Key &a, const Key &b) {
      if (a.length != b.length) return a.length < b.length;
      const int order = std::memcmp(a.bytes, b.bytes, a.length);
      return order != 0 ? order < 0 : a.node < b.node;
    });
    uint32_t first = none;
    for (size_t i = 1; i < keys.size(); i++) {
      if (same(keys[i - 1], keys[i])) first = std::min(first, keys[i].node);
    }
    return first;
  }

  int read(size_t length, pleat_json_document *document);
};

int pleat_json_reader::read(size_t length, pleat_json_document *document) {
  const uint8_t *const base = text;
  const uint8_t *p = skip_space(base);
  Scope scopes[PLEAT_JSON_MAX_DEPTH];
  int depth = 0;
  uint32_t count = 0;
  const uint32_t none = UINT32_MAX;
  uint32_t duplicate = none;
  uint32_t key_start = 0, key_length = 0;
  uint8_t key_name = 0, last_name = 0;
  const auto at = [base](const uint8_t *q) { return static_cast<uint32_t>(q - base); };

value: {
  if (count == node_capacity) grow_nodes();
  Node &node = nodes[count];
  node.key_start = key_start;
  node.key_length = key_length;
  node.name = key_name;
  node.flags = 0;
  node.start = at(p);
  node.next = count + 1;
  switch (*p) {
  case '"': {
    uint8_t flags = 0;
    const uint8_t *const end = scan_string(p + 1, flags);
    if (end == nullptr) return PLEAT_JSON_MALFORMED;
    node.kind = PLEAT_JSON_STRING;
    node.flags = flags;
    node.start = at(p + 1);
    node.length = static_cast<uint32_t>(end - p - 1);
    p = end + 1;
    break;
  }
  case '{':
  case '[': {
    if (depth == PLEAT_JSON_MAX_DEPTH) return PLEAT_JSON_MALFORMED;
    scopes[depth++] = Scope{0, count, 0};
    count++;
    if (*p == '{') {
      node.kind = PLEAT_JSON_OBJECT;
      p = skip_space(p + 1);
      if (*p == '}') goto close;
      goto member;
    }
    node.kind = PLEAT_JSON_ARRAY;
    p = skip_space(p + 1);
    if (*p == ']') goto close;
    key_start = key_length = key_name = 0;
    goto value;
  }
  case 't':
    if (std::memcmp(p, "true", 4) != 0) return PLEAT_JSON_MALFORMED;
    node.kind = PLEAT_JSON_TRUE;
    node.length = 4;
    p += 4;
    break;
  case 'f':
    if (std::memcmp(p, "false", 5) != 0) return PLEAT_JSON_MALFORMED;
    node.kind = PLEAT_JSON_FALSE;
    node.length = 5;
    p += 5;
    break;
  case 'n':
    if (std::memcmp(p, "null", 4) != 0) return PLEAT_JSON_MALFORMED;
    node.kind = PLEAT_JSON_NULL;
    node.length = 4;
    p += 4;
    break;
  default: {
    const uint8_t *const end = scan_number(p);
    if (end == nullptr) return PLEAT_JSON_MALFORMED;
    node.kind = PLEAT_JSON_NUMBER;
    node.length = static_cast<uint32_t>(end - p);
    p = end;
  }
  }
  count++;
}

after:
  p = skip_space(p);
  if (depth == 0) goto end;
  if (nodes[scopes[depth - 1].node].kind == PLEAT_JSON_OBJECT) {
    if (*p == ',') {
      p = skip_space(p + 1);
      goto member;
    }
    if (*p != '}') return PLEAT_JSON_MALFORMED;
  } else {
    if (*p == ',') {
      p = skip_space(p + 1);
      key_start = key_length = key_name = 0;
      goto value;
    }
    if (*p != ']') return PLEAT_JSON_MALFORMED;
  }

close: {
  const Scope &scope = scopes[--depth];
  Node &node = nodes[scope.node];
  p++;
  node.length = at(p) - node.start;
  node.next = count;
  if (scope.unknown > 1) duplicate = std::min(duplicate, repeated_unknown(scope.node, count, none));
  goto after;
}

member: {
  if (*p != '"') return PLEAT_JSON_MALFORMED;
  key_start = at(p + 1);
  const Name &guess = numbered[following[last_name]];
  if (is_at(p + 1, guess)) {
    key_length = guess.length;
    key_name = guess.number;
  } else {
    uint8_t flags = 0;
    const uint8_t *const end = scan_string(p + 1, flags);
    if (end == nullptr) return PLEAT_JSON_MALFORMED;
    key_length = static_cast<uint32_t>(end - p - 1);
    key_name = flags & PLEAT_JSON_ESCAPED ? find_escaped(p + 1, key_length) : find(p + 1, key_length);
    following[last_name] = key_name;
  }
  last_name = key_name;
  Scope &scope = scopes[depth - 1];
  if (key_name == 0) {
    scope.unknown++;
  } else {
    const uint64_t bit = uint64_t(1) << key_name;
    if (scope.seen & bit) duplicate = std::min(duplicate, count);
    scope.seen |= bit;
  }
  p = skip_space(p + 1 + key_length + 1);
  if (*p != ':') return PLEAT_JSON_MALFORMED;
  p = skip_space(p + 1);
  goto value;
}

end:
  if (p != base + length) return PLEAT_JSON_MALFORMED;
  document->text = text;
  document->nodes = nodes;
  document->scratch = scratch;
  document->node_count = count;
  document->duplicate = duplicate;
  return duplicate == none ? PLEAT_JSON_OK : PLEAT_JSON_DUPLICATE;
}

extern "C" {

pleat_json_reader *pleat_json_reader_create(const char *const *names, size_t count) {
  if (count > PLEAT_JSON_MAX_NAMES) return nullptr;
  for (size_t i = 0; i < count; i++) {
    const size_t length = std::strlen(names[i]);
    if (length == 0 || length > PLEAT_JSON_MAX_NAME_LENGTH) return nullptr;
  }
  auto *const reader = new pleat_json_reader();
  for (size_t i = 0; i < count; i++) {
    reader->add(names[i], static_cast<uint32_t>(std::strlen(names[i])), static_cast<uint8_t>(i + 1));
  }
  return reader;
}

void pleat_json_reader_destroy(pleat_json_reader *reader) { delete reader; }

int pleat_json_read(pleat_json_reader *reader, const void *bytes, size_t length, pleat_json_document *document) {
  reader->reserve_text(length);
  const bool is_ascii = copy_ascii(reader->text, static_cast<const uint8_t *>(bytes), length);
  std::memset(reader->text + length, 0, PLEAT_JSON_PADDING);
  if (!is_ascii && !pleat_utf8_is_valid(reader->text, length)) return PLEAT_JSON_INVALID_UTF8;
  return reader->read(length, document);
}

size_t pleat_json_unescape(const uint8_t *raw, size_t length, uint8_t *out) {
  const uint8_t *p = raw, *const end = raw + length;
  uint8_t *const begin = out;
  while (p < end) {
    if (*p != '\\') {
      *out++ = *p++;
      continue;
    }
    switch (p[1]) {
    case 'b': *out++ = '\b'; break;
    case 'f': *out++ = '\f'; break;
    case 'n': *out++ = '\n'; break;
    case 'r': *out++ = '\r'; break;
    case 't': *out++ = '\t'; break;
    case 'u': {
      uint32_t scalar = hex4(p + 2);
      if (scalar >= 0xd800 && scalar <= 0xdbff) {
        scalar = 0x10000 + ((scalar - 0xd800) << 10) + (hex4(p + 8) - 0xdc00);
        p += 6;
      }
      p += 4;
      if (scalar < 0x80) {
        *out++ = static_cast<uint8_t>(scalar);
      } else if (scalar < 0x800) {
        *out++ = static_cast<uint8_t>(0xc0 | scalar >> 6);
        *out++ = static_cast<uint8_t>(0x80 | (scalar & 0x3f));
      } else if (scalar < 0x10000) {
        *out++ = static_cast<uint8_t>(0xe0 | scalar >> 12);
        *out++ = static_cast<uint8_t>(0x80 | (scalar >> 6 & 0x3f));
        *out++ = static_cast<uint8_t>(0x80 | (scalar & 0x3f));
      } else {
        *out++ = static_cast<uint8_t>(0xf0 | scalar >> 18);
        *out++ = static_cast<uint8_t>(0x80 | (scalar >> 12 & 0x3f));
        *out++ = static_cast<uint8_t>(0x80 | (scalar >> 6 & 0x3f));
        *out++ = static_cast<uint8_t>(0x80 | (scalar & 0x3f));
      }
      break;
    }
    default: *out++ = p[1]; break;
    }
    p += 2;
  }
  return static_cast<size_t>(out - begin);
}

bool pleat_utf8_is_valid(const void *text, size_t length) {
  return simdjson::validate_utf8(static_cast<const char *>(text), length);
}

} // extern "C"
