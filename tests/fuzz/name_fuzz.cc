// Any bytes as a name and as a string: names keep their rule, and UTF-8 is what protobuf's parser takes.
#include <google/protobuf/stubs/logging.h>
#include <onehop/v1/onehop.pb.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "check.h"
#include "core/base/name.h"
#include "core/base/utf8.h"

using onehop::core::Bytes;
using onehop::fuzz::require;

namespace {

bool keeps_the_rule(Bytes name) {
  if (name.size() < 1 || name.size() > 255 || name[0] == '$') return false;
  for (const char byte : name) {
    if (byte <= ' ' || byte > '~' || std::strchr("\"'\\`*>#+?,", byte) != nullptr) return false;
  }
  return true;
}

bool parser_takes(Bytes text) {
  std::string body = "\x0A";  // Message.client
  char length[onehop::core::kVarintBytesMax];
  body.append(length, onehop::core::write_varint(length, text.size()));
  body.append(text);
  const google::protobuf::LogSilencer silencer;
  onehop::v1::Message message;
  return message.ParseFromString(body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes bytes(reinterpret_cast<const char*>(data), size);
  require(onehop::core::is_valid_name(bytes) == keeps_the_rule(bytes), "a name is judged wrongly");
  require(onehop::core::is_generated_name(bytes) == (size != 0 && data[0] == '~'),
          "a generated name is judged wrongly");

  const bool valid = onehop::core::is_valid_utf8(bytes);
  require(valid == parser_takes(bytes), "UTF-8 is judged otherwise than by the parser");
  for (size_t bytes_max = 0; valid && bytes_max <= size && bytes_max < 300; ++bytes_max) {
    const Bytes cut = onehop::core::cut_utf8(bytes, bytes_max);
    require(cut.size() <= bytes_max && cut.size() + 3 >= bytes_max, "a cut is too long or too short");
    require(cut.data() == bytes.data() && onehop::core::is_valid_utf8(cut), "a cut breaks a character");
  }
  return 0;
}
