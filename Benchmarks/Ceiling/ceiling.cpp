#include "Ceiling.h"

#include <cstring>
#include <vector>

#include <simdjson.h>

struct ceiling_parser {
  simdjson::dom::parser parser;
  std::vector<char> text;
};

extern "C" {

ceiling_parser *ceiling_create(void) { return new ceiling_parser(); }

void ceiling_destroy(ceiling_parser *parser) { delete parser; }

size_t ceiling_parse(ceiling_parser *parser, const void *text, size_t length) {
  if (parser->text.size() < length + simdjson::SIMDJSON_PADDING) parser->text.resize(2 * length + simdjson::SIMDJSON_PADDING);
  std::memcpy(parser->text.data(), text, length);
  simdjson::dom::element element;
  if (parser->parser.parse(parser->text.data(), length, false).get(element)) return 0;
  return length;
}

} // extern "C"
