// JSON of tokens and key sets, read without a doubt: an object in which a name occurs twice is refused, because two
// readers could see two different values.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace onehop::identity {

// Nothing: the text is not one JSON object, or a name occurs twice in an object, or it nests deeper than 8.
std::optional<nlohmann::json> read_json_object(std::string_view text);

// The text of a member; null: there is none, or it is something else.
const std::string* text_member(const nlohmann::json& object, const char* name);

}  // namespace onehop::identity
