// The parameters of a request's query: each may be there once.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace onehop::admin {

using Parameters = std::vector<std::pair<std::string, std::string>>;

// In words; empty: nothing. A name that is not among `known` is a mistake worth telling.
std::string what_is_wrong_with(const Parameters& parameters, const std::vector<std::string_view>& known);

// Its value; nullptr: it is not there.
const std::string* parameter(const Parameters& parameters, std::string_view name);
// Its value; empty if it is not there.
std::string text_parameter(const Parameters& parameters, std::string_view name);
// Puts its value into `number`, which stays as it is if it is not there. False: it is no number.
bool number_parameter(const Parameters& parameters, std::string_view name, size_t& number);

}  // namespace onehop::admin
