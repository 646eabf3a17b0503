// The lobby: see the header.
#include "core/wire/lobby.h"

#include "core/base/limits.h"
#include "core/base/name.h"
#include "core/wire/message_scan.h"
#include "core/wire/tags.h"

namespace onehop::core {
namespace {

struct OtherProtocol {
  Bytes beginning;
  Bytes text;
};
constexpr OtherProtocol kOtherProtocols[] = {
    {"GET ", "this is an HTTP request; the port speaks onehop"},
    {"POST", "this is an HTTP request; the port speaks onehop"},
    {"PUT ", "this is an HTTP request; the port speaks onehop"},
    {"HEAD", "this is an HTTP request; the port speaks onehop"},
    {"OPTI", "this is an HTTP request; the port speaks onehop"},
    {"DELE", "this is an HTTP request; the port speaks onehop"},
    {"PRI ", "this is an HTTP/2 request; the port speaks onehop"},
    {Bytes("\x16\x03", 2), "this is a TLS hello; the port speaks plain onehop"},
    {"PROX", "this is a PROXY header; this listener takes none"},
    {"\r\n\r\n", "this is a PROXY header; this listener takes none"},
    {"SSH-", "this is an SSH banner; the port speaks onehop"},
};

// What the first bytes give away. Nothing that begins like these can be a Connect: its second byte would be the tag,
// or, where it is, its third the length of what is left.
Bytes recognise(Bytes first_bytes) {
  for (const OtherProtocol& other : kOtherProtocols) {
    if (first_bytes.starts_with(other.beginning)) return other.text;
    if (other.beginning.starts_with(first_bytes)) return {};  // It may become one.
  }
  uint64_t length;
  size_t prefix_size;
  if (parse_length(first_bytes, length, prefix_size) == LengthState::kComplete && length <= kControlFrameBytesMax &&
      first_bytes.size() > prefix_size && first_bytes[prefix_size] != kFrameConnectTag) {
    return "the first frame is not Connect";
  }
  return {};
}

FirstFrame reject(Farewell& farewell, v1::Code code, Bytes text) {
  farewell = {code, text, 0};
  return FirstFrame::kReject;
}

Bytes wrong_with_name(const v1::Connect& connect) {
  const Bytes name = connect.name();
  if (name.empty()) return {};
  if (!is_valid_name(name)) return "the name breaks the rules";
  if (is_generated_name(name) && connect.resume_token().empty()) {
    return "a name that begins with ~ is taken back only with its resume token";
  }
  return {};
}

}  // namespace

FirstFrame read_first_frame(FrameDecoder& decoder, Input& in, v1::Connect& connect, FrameView& frame,
                            Farewell& farewell) {
  Bytes recognised = recognise(decoder.has_partial() ? decoder.saved() : in.rest);
  if (!recognised.empty()) return reject(farewell, v1::CODE_PROTOCOL_ERROR, recognised);
  switch (decoder.next(in, kControlFrameBytesMax, frame)) {
    case Next::kFrame:
      // Once more, from its first byte: what was saved may have been too little to tell.
      recognised = recognise({frame.bytes.data() - frame.prefix_size, frame.prefix_size + frame.bytes.size()});
      if (recognised.empty()) break;
      return reject(farewell, v1::CODE_PROTOCOL_ERROR, recognised);
    case Next::kNeedMore:
      recognised = recognise(decoder.saved());
      if (recognised.empty()) return FirstFrame::kNeedMore;
      return reject(farewell, v1::CODE_PROTOCOL_ERROR, recognised);
    case Next::kBadLength:
      return reject(farewell, v1::CODE_PROTOCOL_ERROR, "a frame's length is broken");
    case Next::kTooLarge:
      return reject(farewell, v1::CODE_FRAME_TOO_LARGE, "the first frame is over 16 KiB");
  }
  FrameField field;
  if (const ScanError error = scan_frame(frame.bytes, field); error != ScanError::kNone) {
    return reject(farewell, v1::CODE_PROTOCOL_ERROR, describe(error));
  }
  if (field.number != static_cast<uint32_t>(FrameKind::kConnect)) {
    return reject(farewell, v1::CODE_PROTOCOL_ERROR, "the first frame is not Connect");
  }
  if (!parse_body(field.body, connect)) return reject(farewell, v1::CODE_PROTOCOL_ERROR, "Connect does not parse");
  const Bytes wrong = wrong_with_name(connect);
  return wrong.empty() ? FirstFrame::kConnect : reject(farewell, v1::CODE_PROTOCOL_ERROR, wrong);
}

}  // namespace onehop::core
