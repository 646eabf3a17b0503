// From the structs of the C API to the types of the C++ client and back. The numbers of all enums are the same on both
// sides, which the assertions in convert.cc hold.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "onehop.h"
#include "onehop/client.h"

struct onehop_session {
  onehop::client::SavedSession saved;
};

namespace onehop::c_api {

inline std::string_view view(onehop_bytes bytes) {
  return bytes.data == nullptr ? std::string_view() : std::string_view(bytes.data, bytes.size);
}
inline onehop_bytes bytes(std::string_view text) {
  return {text.data(), text.size()};
}

// What `given` has, up to the size that it says; the rest stays as it is in `known`. False: its init function was not
// called.
template <typename Struct>
bool take_over(const Struct* given, Struct& known) {
  if (given == nullptr) return true;
  if (given->size < sizeof given->size) return false;
  std::memcpy(&known, given, given->size < sizeof known ? given->size : sizeof known);
  known.size = sizeof known;
  return true;
}
// The other way: as much of `known` as the caller's struct has room for.
template <typename Struct>
void hand_out(const Struct& known, Struct* wanted, size_t size) {
  if (wanted == nullptr || size < sizeof known.size) return;
  std::memcpy(wanted, &known, size < sizeof known ? size : sizeof known);
  wanted->size = size < sizeof known ? size : sizeof known;
}
void hand_out(const std::string& error, char* wanted, size_t size);

// Whether what the program filled in can be what it means; if so, `out` has it. `headers` is what out.headers points
// to.
bool to_send_options(const onehop_send_options* given, client::SendOptions& out, std::vector<client::Header>& headers);
// Nothing: `error` says what is wrong.
struct StartOptions {
  client::ClientOptions options;
  client::Client::Limits limits;
};
std::optional<StartOptions> to_start_options(const onehop_options* given, std::string& error);

// `headers` is what the answer's headers point to.
onehop_message to_message(const client::Message& message, std::vector<onehop_header>& headers);
onehop_result to_result(const client::SendResult& result);
onehop_session_info to_session_info(const client::SessionInfo& session);
onehop_ending to_ending(const client::Ending& ending);

}  // namespace onehop::c_api
