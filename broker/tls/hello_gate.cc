// See the header.
#include "tls/hello_gate.h"

#include <algorithm>
#include <cstring>

namespace onehop::tls {
namespace {

constexpr size_t kRecordHeaderBytes = 5;
constexpr size_t kMessageHeaderBytes = 4;
constexpr size_t kFragmentBytesMax = 16 << 10;
constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHello = 1;

uint8_t byte_at(core::Bytes bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}

bool is_http(core::Bytes bytes) {
  constexpr core::Bytes kMethods[] = {"GET ", "POST", "PUT ", "HEAD", "OPTI", "DELE", "PATC", "CONN", "PRI "};
  return std::any_of(std::begin(kMethods), std::end(kMethods),
                     [&](core::Bytes method) { return bytes.starts_with(method); });
}

// Of the message, from its first `count` bytes, which are `header`.
Hello look_at_message(const uint8_t* header, size_t count, size_t& wanted) {
  if (count != 0 && header[0] != kClientHello) return Hello::kBroken;
  wanted = kMessageHeaderBytes;
  if (count < kMessageHeaderBytes) return Hello::kNeedMore;
  wanted += size_t{header[1]} << 16 | size_t{header[2]} << 8 | header[3];
  return wanted > kHelloBytesMax ? Hello::kBroken : Hello::kNeedMore;
}

bool is_record_header(core::Bytes bytes) {
  if (byte_at(bytes, 0) != kHandshakeRecord) return false;
  if (bytes.size() > 1 && byte_at(bytes, 1) != 3) return false;
  return bytes.size() < 3 || byte_at(bytes, 2) <= 4;
}

}  // namespace

Hello look_at_hello(core::Bytes bytes) {
  if (bytes.empty()) return Hello::kNeedMore;
  if (is_http(bytes)) return Hello::kHttp;
  if (byte_at(bytes, 0) != kHandshakeRecord) {
    // An HTTP method may be there in part: four bytes of it tell.
    const bool is_letter = bytes[0] >= 'A' && bytes[0] <= 'Z';
    return is_letter && bytes.size() < 4 ? Hello::kNeedMore : Hello::kPlaintext;
  }
  uint8_t header[kMessageHeaderBytes];
  size_t message = 0;  // How much of the message has come.
  for (size_t records = 0; !bytes.empty(); ++records) {
    if (records == kHelloRecordsMax || !is_record_header(bytes)) return Hello::kBroken;
    if (bytes.size() < kRecordHeaderBytes) return Hello::kNeedMore;
    const size_t length = size_t{byte_at(bytes, 3)} << 8 | byte_at(bytes, 4);
    if (length == 0 || length > kFragmentBytesMax) return Hello::kBroken;
    const core::Bytes fragment = bytes.substr(kRecordHeaderBytes, length);
    for (size_t i = 0; i < fragment.size() && message + i < kMessageHeaderBytes; ++i) {
      header[message + i] = byte_at(fragment, i);
    }
    message += fragment.size();
    size_t wanted = 0;
    if (look_at_message(header, std::min(message, kMessageHeaderBytes), wanted) == Hello::kBroken) {
      return Hello::kBroken;
    }
    if (message >= wanted) return Hello::kWhole;
    if (fragment.size() < length) return Hello::kNeedMore;
    bytes.remove_prefix(kRecordHeaderBytes + length);
  }
  return Hello::kNeedMore;
}

}  // namespace onehop::tls
