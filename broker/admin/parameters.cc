// Reading parameters.
#include "admin/parameters.h"

#include <algorithm>
#include <charconv>

namespace onehop::admin {

std::string what_is_wrong_with(const Parameters& parameters, const std::vector<std::string_view>& known) {
  for (const auto& [name, value] : parameters) {
    if (std::find(known.begin(), known.end(), name) == known.end()) return "there is no parameter '" + name + "' here";
    if (parameter(parameters, name) != &value) return "the parameter '" + name + "' is there more than once";
  }
  return {};
}

const std::string* parameter(const Parameters& parameters, std::string_view name) {
  for (const auto& [found, value] : parameters) {
    if (found == name) return &value;
  }
  return nullptr;
}

std::string text_parameter(const Parameters& parameters, std::string_view name) {
  const std::string* value = parameter(parameters, name);
  return value == nullptr ? std::string() : *value;
}

bool number_parameter(const Parameters& parameters, std::string_view name, size_t& number) {
  const std::string* value = parameter(parameters, name);
  if (value == nullptr) return true;
  const auto [end, problem] = std::from_chars(value->data(), value->data() + value->size(), number);
  return problem == std::errc() && end == value->data() + value->size();
}

}  // namespace onehop::admin
