// See the header.
#include "identity/json_text.h"

#include <set>
#include <string>
#include <vector>

namespace onehop::identity {

using Json = nlohmann::json;

std::optional<Json> read_json_object(std::string_view text) {
  constexpr int kDepthMax = 8;
  std::vector<std::set<std::string>> names;  // Of each object that is open.
  bool is_fine = true;
  const auto look = [&](int depth, Json::parse_event_t event, Json& parsed) {
    is_fine = is_fine && depth <= kDepthMax;
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::key) {
      is_fine = is_fine && names.back().insert(parsed.get_ref<const std::string&>()).second;
    }
    if (event == Json::parse_event_t::object_end) names.pop_back();
    return is_fine;
  };
  Json json = Json::parse(text.begin(), text.end(), look, false);
  if (!is_fine || !json.is_object()) return std::nullopt;
  return json;
}

const std::string* text_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

}  // namespace onehop::identity
