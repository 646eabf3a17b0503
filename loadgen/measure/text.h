// Functions that put text together. The std::string_view of this project is not the type that Debian's absl knows, and
// the compilers do not have <format> yet.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

namespace onehop::loadgen {

// Formats like printf.
[[gnu::format(printf, 1, 2)]] std::string printed(const char* format, ...);

// Joins texts and whole numbers, without anything in between.
template <class... Pieces>
std::string concat(const Pieces&... pieces) {
  std::string text;
  const auto add = [&](const auto& piece) {
    if constexpr (std::is_integral_v<std::decay_t<decltype(piece)>>) {
      text += std::to_string(piece);
    } else {
      text += std::string_view(piece);
    }
  };
  (add(pieces), ...);
  return text;
}

// Joins all items, with `between` in between. `text_of` makes the text of an item.
template <class Items, class Of>
std::string joined(const Items& items, std::string_view between, Of&& text_of) {
  std::string text;
  bool first = true;
  for (const auto& item : items) {
    if (!first) text += between;
    text += text_of(item);
    first = false;
  }
  return text;
}
template <class Items>
std::string joined(const Items& items, std::string_view between) {
  return joined(items, between, [](const std::string& item) { return item; });
}

}  // namespace onehop::loadgen
