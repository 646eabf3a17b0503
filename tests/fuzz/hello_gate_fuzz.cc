// Any bytes as the beginning of a TLS connection: cut anywhere, the verdict is the same once it has fallen; and a hello
// that is whole has its length in the records that carry it.
#include <algorithm>
#include <cstdint>
#include <string>

#include "check.h"
#include "tls/hello_gate.h"

using onehop::core::Bytes;
using onehop::fuzz::require;
using onehop::tls::Hello;
using onehop::tls::look_at_hello;

namespace {

// What the records carry, up to the one that is cut off.
std::string fragments(Bytes bytes) {
  std::string all;
  while (bytes.size() >= 5) {
    const size_t length = size_t{static_cast<uint8_t>(bytes[3])} << 8 | static_cast<uint8_t>(bytes[4]);
    all += bytes.substr(5, length);
    bytes.remove_prefix(std::min(bytes.size(), 5 + length));
  }
  return all;
}

void check_whole(Bytes all) {
  const std::string message = fragments(all);
  require(message.size() >= 4 && message[0] == 1, "a hello that is none");
  const auto byte = [&](size_t at) { return size_t{static_cast<uint8_t>(message[at])}; };
  const size_t length = 4 + (byte(1) << 16 | byte(2) << 8 | byte(3));
  require(length <= onehop::tls::kHelloBytesMax, "a hello is too long");
  require(message.size() >= length, "a hello is not whole");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes all(reinterpret_cast<const char*>(data), size);
  const Hello verdict = look_at_hello(all);
  bool decided = false;
  for (size_t cut = 0; cut <= size; ++cut) {
    // In memory of its own, so that a byte read beyond is found.
    const std::string piece(all.substr(0, cut));
    const Hello part = look_at_hello(piece);
    require(!decided || part == verdict, "a verdict changes with what follows");
    if (part == Hello::kNeedMore) continue;
    require(part == verdict, "a verdict changes with what follows");
    decided = true;
    if (part == Hello::kWhole) check_whole(piece);
  }
  return 0;
}
